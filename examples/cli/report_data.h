/* What the report page shows, as JSON. */
#ifndef MEDALLION_CLI_REPORT_DATA_H
#define MEDALLION_CLI_REPORT_DATA_H

#include "session.h"
#include "text_output.h"

/* Writes the JSON that page.js reads to `output`, with nothing in it that could end the element of
 * the page that it stands in. Reads the tables that it needs from the session's store. A version whose
 * manifest is damaged is shown with what is wrong with it: `fault` gets the first such failure. */
mdl_status write_report_data(session *s, text_output *output, mdl_error *fault);

#endif
