/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Parameters that change while the module is in use.
 */
#ifndef VMS_PARAM_H
#define VMS_PARAM_H

#include <linux/compiler.h>

/**
 * vms_param - the value of a parameter at this moment
 * @param:	the variable
 *
 * The kernel stores what is written in sysfs, at any time, plainly. It is an aligned
 * word, and here it is read once.
 */
#define vms_param(param)	data_race(READ_ONCE(param))

#endif /* VMS_PARAM_H */
