/*
 * expire.c - shadow(5)'s dates.
 *
 * Where others read them differently by a day this is pam_unix, which
 * decides most logins of a system: the account is over on sp_expire itself,
 * the password good for sp_max days after the one of its change.
 */

#include "method.h"

const char *
account_over(const struct spwd *sp, long today)
{
	/* 0 may mean "never" or 1970 (shadow(5)): the safe one. */
	return sp->sp_expire >= 0 && today >= sp->sp_expire ?
	    "the account has expired" :
	    NULL;
}

const char *
account_expired(const struct spwd *sp, long today)
{
	const char *why = account_over(sp, today);
	long age;

	if (why != NULL)
		return why;
	if (sp->sp_lstchg == 0)
		return "its password must be changed first";
	/* Empty: no ageing.  In the future: a clock that was wrong once. */
	if (sp->sp_lstchg < 0 || sp->sp_lstchg > today)
		return NULL;
	age = today - sp->sp_lstchg;
	if (sp->sp_max < 0 || age <= sp->sp_max)
		return NULL;
	/* age - sp_max: the sum of the other two may overflow. */
	if (sp->sp_inact >= 0 && age - sp->sp_max > sp->sp_inact)
		return "its password expired, and then the account";
	return "its password has expired and must be changed";
}
