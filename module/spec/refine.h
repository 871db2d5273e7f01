/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The abstraction: what the operating system is to a program (S102 to S107).
 */
#ifndef SPEC_REFINE_H
#define SPEC_REFINE_H

#include "abstract.h"
#include "os.h"

int spec_interp(const struct spec_os *os, struct spec_abstract *a);
void spec_interp_step(const struct spec_os *os, const struct spec_step *step,
		      struct spec_step *abstract);
const char *spec_refines(const struct spec_os *before, const struct spec_step *step,
			 const struct spec_os *after);

#endif /* SPEC_REFINE_H */
