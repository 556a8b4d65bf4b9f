/*
 * What is posted to Discord.
 */
#ifndef MDLI_NOTIFY_DISCORD_PAYLOAD_H
#define MDLI_NOTIFY_DISCORD_PAYLOAD_H

#include "base/json_text.h"
#include "medallion/notify.h"
#include "notify/run_facts.h"

/* Most of the slowest tasks that can be asked for. */
#define MDLI_SLOWEST_MAX 20

/* Writes the body of a request to a webhook of Discord's: one embed, within all of its limits. */
void mdli_write_discord_payload(mdli_json *json, const mdli_run_facts *facts,
                                const mdl_notify_options *options);

#endif
