/* Buffered text to a file descriptor, with one sticky error. */
#define _POSIX_C_SOURCE 200809L

#include "text_output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "interrupt.h"

void text_output_init(text_output *output, int fd, bool stops_when_interrupted)
{
    output->fd = fd;
    output->error = 0;
    output->stops_when_interrupted = stops_when_interrupted;
    output->n_buffered = 0;
}

/* A write that a signal stops is taken up again, unless the signal was Ctrl-C: a reader that does
 * not read must not keep the program from ending. */
static void write_all(text_output *output, const char *bytes, size_t size)
{
    while (size > 0 && output->error == 0) {
        if (output->stops_when_interrupted && was_interrupted()) {
            output->error = ECANCELED;
            return;
        }
        ssize_t n_written = write(output->fd, bytes, size);
        if (n_written >= 0) {
            bytes += n_written;
            size -= (size_t)n_written;
        } else if (errno != EINTR) {
            output->error = errno;
        }
    }
}

bool flush_output(text_output *output)
{
    write_all(output, output->buffer, output->n_buffered);
    output->n_buffered = 0;
    return output->error == 0;
}

void put_bytes(text_output *output, const char *bytes, size_t size)
{
    if (size > sizeof output->buffer - output->n_buffered) {
        flush_output(output);
    }
    if (size > sizeof output->buffer) {
        write_all(output, bytes, size);
    } else if (size > 0) {
        memcpy(output->buffer + output->n_buffered, bytes, size);
        output->n_buffered += size;
    }
}

void put_text(text_output *output, const char *text)
{
    put_bytes(output, text, strlen(text));
}

void put_repeated(text_output *output, const char *text, int64_t times)
{
    size_t size = strlen(text);
    for (int64_t i = 0; i < times; i++) {
        put_bytes(output, text, size);
    }
}

void put_format(text_output *output, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    put_text(output, text);
}
