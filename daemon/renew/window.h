/* SPDX-License-Identifier: ISC */
/* window - the hours of the week in which what is new may go into use. Without a clock. */
#ifndef ACMED_WINDOW_H
#define ACMED_WINDOW_H

#include <time.h>

/*
 * `window` is what the configuration takes: "Mon-Fri,Sun 02:00-05:00", every day where no
 * day is named. The hours are local time and begin on the days named: one that ends not
 * after it begins goes on to the next day, "00:00-24:00" and "00:00-00:00" are whole days.
 *
 * `now` where it is open, else the instant at which it opens, at most eight days ahead.
 * What the clocks show counts: hours that they show twice are open twice; a window of
 * which they show nothing, because they are put forward, opens when they are, for as long
 * as it would have been. NULL, or what is no window: always open.
 */
time_t window_next(const char *window, time_t now);

#endif
