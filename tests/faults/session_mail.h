/*
 * session_mail.h - the messages themselves.
 */

#ifndef SESSION_MAIL_H
#define SESSION_MAIL_H

#include "session_world.h"

/* The next message of the world, number from 0; like: its twin, or NULL. */
struct mail *mail_make(struct world *world, const struct mail *like);

/* The mailbox as the scenario begins. */
void mail_store(struct world *world);

/* Which of the world's mails this is; -1: none. */
int mail_find(const struct world *world, const void *text, size_t length);

#endif
