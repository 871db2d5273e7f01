// SPDX-License-Identifier: GPL-2.0-only
/*
 * S10 to S25: one entry.  Layers are the specification's: layer L is level 4 - L.
 */
#include "spec/entry.h"
#include "spec/geometry.h"
#include "spec_test.h"

#define P	0x1ULL
#define RW	0x2ULL
#define US	0x4ULL
#define PWT	0x8ULL
#define PCD	0x10ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define G	0x100ULL
#define SOFT	0x200ULL
#define TRACKED	0x400ULL
#define HELD	0x800ULL
#define PAT	0x1000ULL
#define XD	0x8000000000000000ULL

#define STRICT	0
#define LOOSE	(SPEC_ALL_ATTRS)

static struct spec_entry decoded(u64 entry, unsigned int level, unsigned int width)
{
	struct spec_entry e;

	memset(&e, 0x5a, sizeof(e));
	spec_decode(entry, level, width, &e);
	return e;
}

static enum spec_entry_kind kind(u64 entry, unsigned int level)
{
	return decoded(entry, level, 46).kind;
}

/*
 * The formats of the SDM (volume 3A, figure 4-11), bit 63 first:
 *
 *   X  XD               a  address, reserved from the width on
 *   G D A C T U W P     the flags; C is PCD, T is PWT
 *   M  PAT              0  reserved     1  has to be one, or it is another format
 *   -  ignored          s  ignored, but reserved in the specification (S16, S17)
 */
struct format {
	unsigned int level;
	enum spec_entry_kind kind;
	const char *bits;
};

#define IGN		"-----------"
#define STR		"sssssssssss"
#define A40		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A31		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A22		"aaaaaaaaaaaaaaaaaaaaaa"
#define R17		"00000000000000000"
#define R8		"00000000"

static const struct format formats[] = {
	{ 5, SPEC_DIRECTORY,	"X" IGN A40 "----0-ACTUWP" },
	{ 4, SPEC_DIRECTORY,	"X" IGN A40 "----0-ACTUWP" },
	{ 3, SPEC_PAGE,		"X" IGN A22 R17 "M---G1DACTUWP" },
	{ 3, SPEC_DIRECTORY,	"X" IGN A40 "------ACTUWP" },
	{ 2, SPEC_PAGE,		"X" STR A31 R8 "M---G1DACTUWP" },
	{ 2, SPEC_DIRECTORY,	"X" STR A40 "------ACTUWP" },
	{ 1, SPEC_PAGE,		"X" STR A40 "---GMDACTUWP" },
};

/* The bits of a format that a letter stands at; addresses below the width only. */
static u64 letter(const struct format *f, char c, unsigned int width)
{
	u64 mask = 0;
	unsigned int bit;

	for (bit = 0; bit < 64; bit++)
		if (f->bits[63 - bit] == c && (c != 'a' || bit < width))
			mask |= 1ULL << bit;
	return mask;
}

/* A format, with the masks of its letters for one width. */
struct masks {
	const struct format *format;
	u64 one, address, reserved, p, w, u, t, c, a, d, g, m, x;
};

static void make_masks(const struct format *f, unsigned int width, struct masks *m)
{
	*m = (struct masks) {
		.format = f,
		.one = letter(f, '1', 64),
		.address = letter(f, 'a', width),
		.reserved = letter(f, '0', 64) | letter(f, 's', 64) |
			    (letter(f, 'a', 64) & ~letter(f, 'a', width)),
		.p = letter(f, 'P', 64), .w = letter(f, 'W', 64), .u = letter(f, 'U', 64),
		.t = letter(f, 'T', 64), .c = letter(f, 'C', 64), .a = letter(f, 'A', 64),
		.d = letter(f, 'D', 64), .g = letter(f, 'G', 64), .m = letter(f, 'M', 64),
		.x = letter(f, 'X', 64),
	};
}

static bool agrees(const struct masks *m, u64 entry, const struct spec_entry *e)
{
	bool page = m->format->kind == SPEC_PAGE;
	u32 attrs = 0;

	if (!(entry & m->p) || entry & m->reserved)
		return e->kind == SPEC_EMPTY;
	if (page) {
		attrs += entry & m->a ? SPEC_ACCESSED : 0;
		attrs += entry & m->d ? SPEC_DIRTY : 0;
		attrs += entry & m->t ? SPEC_PWT : 0;
		attrs += entry & m->c ? SPEC_PCD : 0;
		attrs += entry & m->m ? SPEC_PAT : 0;
		attrs += entry & m->g ? SPEC_GLOBAL : 0;
		attrs += entry & SOFT ? SPEC_SOFT : 0;
	}
	return e->kind == m->format->kind && e->addr == (entry & m->address) &&
	       e->flags.is_writable == !!(entry & m->w) &&
	       e->flags.is_supervisor != !!(entry & m->u) &&
	       e->flags.disable_execute == !!(entry & m->x) && e->attrs == attrs;
}

/* Every format of a level for one width; the first whose ones are there counts. */
struct decoder {
	struct masks formats[2];
	unsigned int nr;
};

static void make_decoder(struct decoder *d, unsigned int level, unsigned int width)
{
	unsigned int i;

	d->nr = 0;
	for (i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i].level == level)
			make_masks(&formats[i], width, &d->formats[d->nr++]);
}

static bool check_decode(const struct decoder *d, u64 entry, unsigned int level,
			 unsigned int width)
{
	struct spec_entry e = decoded(entry, level, width);
	unsigned int i = 0;

	while ((entry & d->formats[i].one) != d->formats[i].one)
		i++;
	return agrees(&d->formats[i], entry, &e);
}

TEST(S10_formats_have_64_bits)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(formats); i++)
		EXPECT_EQ(64, strlen(formats[i].bits));
}

TEST(S10_flags_at_all_layers)
{
	EXPECT_EQ(P, SPEC_FLAG_P);
	EXPECT_EQ(RW, SPEC_FLAG_RW);
	EXPECT_EQ(US, SPEC_FLAG_US);
	EXPECT_EQ(PWT, SPEC_FLAG_PWT);
	EXPECT_EQ(PCD, SPEC_FLAG_PCD);
	EXPECT_EQ(A, SPEC_FLAG_A);
	EXPECT_EQ(XD, SPEC_FLAG_XD);
}

TEST(S10_flags_of_leaves)
{
	EXPECT_EQ(D, SPEC_FLAG_D);
	EXPECT_EQ(G, SPEC_FLAG_G);
	EXPECT_EQ(PS, SPEC_FLAG_PS);
	EXPECT_EQ(PAT, SPEC_FLAG_PAT);
	EXPECT_EQ(PS, SPEC_FLAG_PAT_4K);
}

TEST(S10_each_flag_alone)
{
	struct spec_entry none = decoded(P, 1, 46);

	EXPECT(!none.flags.is_writable && none.flags.is_supervisor && !none.flags.disable_execute);
	EXPECT_EQ(0, none.attrs);
	EXPECT(decoded(P | RW, 1, 46).flags.is_writable);
	EXPECT(!decoded(P | US, 1, 46).flags.is_supervisor);
	EXPECT(decoded(P | XD, 1, 46).flags.disable_execute);
	EXPECT_EQ(SPEC_PWT, decoded(P | PWT, 1, 46).attrs);
	EXPECT_EQ(SPEC_PCD, decoded(P | PCD, 1, 46).attrs);
	EXPECT_EQ(SPEC_ACCESSED, decoded(P | A, 1, 46).attrs);
	EXPECT_EQ(SPEC_DIRTY, decoded(P | D, 1, 46).attrs);
	EXPECT_EQ(SPEC_GLOBAL, decoded(P | G, 1, 46).attrs);
	EXPECT_EQ(SPEC_SOFT, decoded(P | SOFT, 1, 46).attrs);
	EXPECT_EQ(0, decoded(P | TRACKED | HELD, 1, 46).attrs);
	EXPECT_EQ(SPEC_PAT, decoded(P | PS, 1, 46).attrs);
	EXPECT_EQ(SPEC_PAT, decoded(P | PS | PAT, 2, 46).attrs);
	EXPECT_EQ(SPEC_PAT, decoded(P | PS | PAT, 3, 46).attrs);
	EXPECT_EQ(0, decoded(P | PWT | PCD | A | D | G, 4, 46).attrs);
}

TEST(S11_address_masks)
{
	EXPECT_EQ(0x00000000fffff000ULL, spec_address_mask(P, 1, 32));
	EXPECT_EQ(0x000ffffffffff000ULL, spec_address_mask(P, 1, 52));
	EXPECT_EQ(0x00000000ffe00000ULL, spec_address_mask(P | PS, 2, 32));
	EXPECT_EQ(0x000fffffffe00000ULL, spec_address_mask(P | PS, 2, 52));
	EXPECT_EQ(0x00000000c0000000ULL, spec_address_mask(P | PS, 3, 32));
	EXPECT_EQ(0x000fffffc0000000ULL, spec_address_mask(P | PS, 3, 52));
	EXPECT_EQ(0x00003ffffffff000ULL, spec_address_mask(P, 2, 46));
	EXPECT_EQ(0x00003ffffffff000ULL, spec_address_mask(P, 3, 46));
	EXPECT_EQ(0x00003ffffffff000ULL, spec_address_mask(P, 4, 46));
	EXPECT_EQ(0x00003ffffffff000ULL, spec_address_mask(P, 5, 46));
	EXPECT_EQ(0x00003ffffffff000ULL, spec_address_mask(P | PS, 1, 46));
}

TEST(S12_not_present_is_empty)
{
	unsigned int level, i;

	for (level = 1; level <= 5; level++) {
		EXPECT_EQ(SPEC_EMPTY, kind(0, level));
		EXPECT_EQ(SPEC_EMPTY, kind(~P, level));
		for (i = 1; i < 64; i++)
			EXPECT_EQ(SPEC_EMPTY, kind(1ULL << i, level));
		for (i = 0; i < 1000; i++)
			EXPECT_EQ(SPEC_EMPTY, kind(spec_test_random(~0ULL) & ~P, level));
	}
}

TEST(S13_must_be_zero_is_empty)
{
	EXPECT_EQ(SPEC_EMPTY, kind(P | PS, 4));
	EXPECT_EQ(SPEC_EMPTY, kind(P | 1ULL << 51, 4));
	EXPECT_EQ(SPEC_EMPTY, kind(P | PS | 1ULL << 13, 3));
	EXPECT_EQ(SPEC_EMPTY, kind(P | PS | 1ULL << 13, 2));
	EXPECT_EQ(SPEC_EMPTY, kind(P | 1ULL << 62, 1));
	EXPECT_EQ(SPEC_PAGE, kind(P, 1));
}

/* Each bit alone, at each width: reserved from @low to @high, and those in @others. */
static void each_bit_alone(u64 base, unsigned int level, unsigned int high, u64 others)
{
	unsigned int width, bit;

	for (width = 32; width <= 52; width++)
		for (bit = 1; bit < 63; bit++) {
			u64 entry = base | 1ULL << bit;
			bool reserved = (width <= bit && bit <= high) || others >> bit & 1;

			/* This one makes another format of it. */
			if (bit == 7 && !(base & PS) && (level == 2 || level == 3))
				continue;
			EXPECT_EQ(reserved, decoded(entry, level, width).kind == SPEC_EMPTY);
		}
}

TEST(S14_must_be_zero_layer0)
{
	each_bit_alone(P, 4, 51, PS);
}

/* The fifth level is as the fourth. */
TEST(S14_must_be_zero_5_levels)
{
	each_bit_alone(P, 5, 51, PS);
}

TEST(S15_must_be_zero_layer1_page)
{
	each_bit_alone(P | PS, 3, 51, 0x3fffe000ULL);
}

TEST(S15_must_be_zero_layer1_directory)
{
	each_bit_alone(P, 3, 51, 0);
}

TEST(S16_must_be_zero_layer2_page)
{
	each_bit_alone(P | PS, 2, 62, 0x1fe000ULL);
}

TEST(S16_must_be_zero_layer2_directory)
{
	each_bit_alone(P, 2, 62, 0);
}

TEST(S17_must_be_zero_layer3)
{
	each_bit_alone(P, 1, 62, 0);
}

/* Width 52 leaves nothing reserved below bit 52. */
TEST(S14_to_S17_empty_field_at_width_52)
{
	EXPECT_EQ(PS, spec_must_be_zero(P, 4, 52));
	EXPECT_EQ(0x3fffe000ULL, spec_must_be_zero(P | PS, 3, 52));
	EXPECT_EQ(0, spec_must_be_zero(P, 3, 52));
	EXPECT_EQ(0x7ff00000001fe000ULL, spec_must_be_zero(P | PS, 2, 52));
	EXPECT_EQ(0x7ff0000000000000ULL, spec_must_be_zero(P, 2, 52));
	EXPECT_EQ(0x7ff0000000000000ULL, spec_must_be_zero(P, 1, 52));
}

/* What the hardware does with an entry, where the specification is stricter. */
static enum spec_entry_kind hardware_kind(u64 entry, unsigned int level, unsigned int width)
{
	unsigned int i = 0;
	struct masks m;

	do
		make_masks(&formats[i++], width, &m);
	while (m.format->level != level || (entry & m.one) != m.one);
	m.reserved &= ~letter(m.format, 's', 64);
	return !(entry & P) || entry & m.reserved ? SPEC_EMPTY : m.format->kind;
}

/* Without bits 52 to 62, the specification and the hardware agree. */
TEST(S18_agrees_with_hardware)
{
	unsigned int level, width, i, k;

	for (level = 1; level <= 5; level++)
		for (width = 32; width <= 52; width += 4)
			for (i = 0; i < 52; i++)
				for (k = 0; k < 52; k++) {
					u64 entry = P | 1ULL << i | 1ULL << k;

					EXPECT_EQ(hardware_kind(entry, level, width),
						  decoded(entry, level, width).kind);
				}
}

/* With one of them, the specification is stricter, at these levels. */
TEST(S18_stricter_than_hardware)
{
	unsigned int level, bit;

	for (level = 1; level <= 5; level++)
		for (bit = 52; bit <= 62; bit++) {
			EXPECT(hardware_kind(P | 1ULL << bit, level, 46) != SPEC_EMPTY);
			EXPECT_EQ(level <= 2, kind(P | 1ULL << bit, level) == SPEC_EMPTY);
		}
}

TEST(S18_no_high_bits)
{
	unsigned int bit;

	EXPECT_HOLDS(spec_check_no_high_bits(0));
	EXPECT_HOLDS(spec_check_no_high_bits(0x800fffffffffffffULL));
	for (bit = 52; bit <= 62; bit++)
		EXPECT_RULE("S18_no_high_bits", spec_check_no_high_bits(P | 1ULL << bit));
}

TEST(S19_kind_by_layer)
{
	EXPECT_EQ(SPEC_DIRECTORY, kind(P, 5));
	EXPECT_EQ(SPEC_DIRECTORY, kind(P, 4));
	EXPECT_EQ(SPEC_DIRECTORY, kind(P, 3));
	EXPECT_EQ(SPEC_PAGE, kind(P | PS, 3));
	EXPECT_EQ(SPEC_DIRECTORY, kind(P, 2));
	EXPECT_EQ(SPEC_PAGE, kind(P | PS, 2));
	EXPECT_EQ(SPEC_PAGE, kind(P, 1));
	EXPECT_EQ(SPEC_PAGE, kind(P | PS, 1));
}

TEST(S20_frame_of_a_leaf)
{
	const u64 all = 0x3ffffffff000ULL;

	EXPECT_EQ(all, decoded(P | all, 1, 46).addr);
	EXPECT_EQ(0x3fffffe00000ULL, decoded(P | PS | 0x3fffffe01000ULL, 2, 46).addr);
	EXPECT_EQ(0x3fffc0000000ULL, decoded(P | PS | 0x3fffc0001000ULL, 3, 46).addr);
	EXPECT_EQ(all, decoded(P | all, 4, 46).addr);
	EXPECT_EQ(0, decoded(P | XD | 0xe7f, 1, 46).addr);
}

/* The bits whose combination matters; each of their subsets is tried. */
static unsigned int bits_that_matter(unsigned int width, unsigned int *bits)
{
	static const unsigned int always[] = {
		0, 1, 2, 3, 5, 6, 7, 8, 9, 11, 12, 13, 20, 21, 29, 30, 51, 52, 62, 63,
	};
	unsigned int nr = 0, i;

	for (i = 0; i < ARRAY_SIZE(always); i++)
		bits[nr++] = always[i];
	if (width - 1 != 51)
		bits[nr++] = width - 1;
	if (width != 51 && width != 52)
		bits[nr++] = width;
	return nr;
}

static u64 subset(u64 which, const unsigned int *bits, unsigned int nr)
{
	u64 entry = 0;
	unsigned int i;

	for (i = 0; i < nr; i++)
		entry |= (which >> i & 1) << bits[i];
	return entry;
}

static void every_combination(unsigned int level, unsigned int width)
{
	unsigned int bits[32], nr = bits_that_matter(width, bits);
	struct decoder d;
	u64 which, wrong = 0;

	make_decoder(&d, level, width);
	for (which = 0; which < 1ULL << nr; which++)
		wrong += !check_decode(&d, subset(which, bits, nr), level, width);
	EXPECT_EQ(0, wrong);
}

TEST(S10_to_S20_every_combination_layer0)
{
	every_combination(4, 40);
	every_combination(4, 52);
}

TEST(S10_to_S20_every_combination_layer1)
{
	every_combination(3, 32);
	every_combination(3, 52);
}

TEST(S10_to_S20_every_combination_layer2)
{
	every_combination(2, 32);
	every_combination(2, 52);
}

TEST(S10_to_S20_every_combination_layer3)
{
	every_combination(1, 32);
	every_combination(1, 52);
}

TEST(S10_to_S20_every_combination_5_levels)
{
	every_combination(5, 40);
}

/* Every pair of bits, on a leaf and a directory, at every level and width. */
TEST(S10_to_S20_every_pair_of_bits)
{
	unsigned int level, width, i, k;
	struct decoder d;
	u64 wrong = 0;

	for (level = 1; level <= 5; level++)
		for (width = 32; width <= 52; width++) {
			make_decoder(&d, level, width);
			for (i = 0; i < 64; i++)
				for (k = 0; k < 64; k++) {
					u64 entry = P | 1ULL << i | 1ULL << k;

					wrong += !check_decode(&d, entry, level, width);
					wrong += !check_decode(&d, entry | PS, level, width);
				}
		}
	EXPECT_EQ(0, wrong);
}

TEST(S10_to_S20_random_entries)
{
	unsigned int level, width, i;
	struct decoder d;
	u64 wrong = 0;

	for (level = 1; level <= 5; level++)
		for (width = 32; width <= 52; width++) {
			/* Few reserved bits, so that not all are empty. */
			u64 mask = 0x8000000000000fffULL | ((1ULL << width) - 1);

			make_decoder(&d, level, width);
			for (i = 0; i < 2000; i++) {
				u64 entry = spec_test_random(~0ULL) & mask & ~0x3fffe000ULL;

				wrong += !check_decode(&d, entry | P, level, width);
				wrong += !check_decode(&d, spec_test_random(~0ULL), level, width);
			}
		}
	EXPECT_EQ(0, wrong);
}

TEST(S21_hardware_bits_are_ignored)
{
	EXPECT(spec_entry_equal(P | RW, P | RW | A | D));
	EXPECT(spec_entry_equal(P | A, P | D));
	EXPECT(!spec_entry_equal(P, P | RW));
	EXPECT(!spec_entry_equal(P, P | G));
	EXPECT(!spec_entry_equal(P, P | PCD));
	EXPECT(!spec_entry_equal(P, P | XD));
	EXPECT(!spec_entry_equal(P, 0));
}

TEST(S22_directories_have_flags)
{
	const char *rule = "S22_directories_have_flags";
	unsigned int bit;

	EXPECT_EQ(P | RW | US, SPEC_DIRECTORY_FLAGS);
	EXPECT_HOLDS(spec_check_directory(P | RW | US | 0x1234000));
	EXPECT_HOLDS(spec_check_directory(P | RW | US | A | 0x1234000));
	EXPECT_RULE(rule, spec_check_directory(RW | US));
	EXPECT_RULE(rule, spec_check_directory(P | US));
	EXPECT_RULE(rule, spec_check_directory(P | RW));
	EXPECT_RULE(rule, spec_check_directory(P | RW | US | XD));
	for (bit = 3; bit < 12; bit++)
		if (bit != 5)
			EXPECT_RULE(rule, spec_check_directory(P | RW | US | 1ULL << bit));
}

TEST(S23_page_flags)
{
	const char *rule = "S23_page_flags";

	EXPECT_HOLDS(spec_check_page(P | RW | US | XD | 0x1000, 1, 46, STRICT));
	EXPECT_HOLDS(spec_check_page(P, 1, 46, STRICT));
	EXPECT_HOLDS(spec_check_page(P | PS, 2, 46, STRICT));
	EXPECT_HOLDS(spec_check_page(P | PS, 3, 46, STRICT));
	EXPECT_HOLDS(spec_check_page(P | TRACKED, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | PWT, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | PCD, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | A, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | D, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | G, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | SOFT, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | HELD, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | PS, 1, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | PS | PAT, 2, 46, STRICT));
	EXPECT_RULE(rule, spec_check_page(P | PS | PAT, 3, 46, STRICT));
	EXPECT_RULE("S19_page_by_level", spec_check_page(P, 2, 46, STRICT));
	EXPECT_RULE("S19_page_by_level", spec_check_page(P | PS, 4, 46, STRICT));
	EXPECT_RULE("S19_page_by_level", spec_check_page(0, 1, 46, STRICT));
}

TEST(S23_page_flags_of_a_cursor)
{
	const char *rule = "S23_page_flags";

	EXPECT_HOLDS(spec_check_page(P | PWT | PCD | A | D | SOFT, 1, 46, LOOSE));
	EXPECT_HOLDS(spec_check_page(P | A | D, 1, 46, SPEC_HARDWARE_ATTRS));
	EXPECT_RULE(rule, spec_check_page(P | A | SOFT, 1, 46, SPEC_HARDWARE_ATTRS));
	EXPECT_RULE(rule, spec_check_page(P | G, 1, 46, LOOSE));
	EXPECT_RULE(rule, spec_check_page(P | PS, 1, 46, LOOSE));
	EXPECT_RULE(rule, spec_check_page(P | PS | PAT, 2, 46, LOOSE));
}

/* What is written for a mapping decodes to that mapping. */
TEST(S23_page_entry)
{
	unsigned int level, bits;

	for (level = 1; level <= 3; level++)
		for (bits = 0; bits < 8; bits++) {
			struct spec_pte pte = {
				.frame = { 0x3fff80000000ULL, spec_entry_size(level) },
				.flags = { bits & 1, bits & 2, bits & 4 },
			};
			u64 entry = spec_page_entry(&pte, level);
			struct spec_entry e = decoded(entry, level, 46);

			EXPECT_HOLDS(spec_check_entry(entry, level, 46, STRICT));
			EXPECT_EQ(SPEC_PAGE, e.kind);
			EXPECT_EQ(pte.frame.base, e.addr);
			EXPECT_EQ(pte.flags.is_writable, e.flags.is_writable);
			EXPECT_EQ(pte.flags.is_supervisor, e.flags.is_supervisor);
			EXPECT_EQ(pte.flags.disable_execute, e.flags.disable_execute);
			EXPECT_EQ(0, e.attrs);
		}
}

TEST(S23_page_entry_vectors)
{
	struct spec_pte pte = { .frame = { 0x40000000, 0x1000 }, .flags = { .is_writable = true } };

	EXPECT_EQ(0x40000000 | P | RW | US, spec_page_entry(&pte, 1));
	EXPECT_EQ(0x40000000 | P | RW | US | PS, spec_page_entry(&pte, 2));
	pte.flags.is_supervisor = true;
	pte.flags.disable_execute = true;
	EXPECT_EQ(0x40000000 | P | RW | XD, spec_page_entry(&pte, 1));
	pte.attrs = SPEC_NOREAD | SPEC_ACCESSED | SPEC_DIRTY | SPEC_SOFT | SPEC_PWT | SPEC_PCD;
	EXPECT_EQ(0x40000000 | HELD | RW | XD | A | D | SOFT | PWT | PCD,
		  spec_page_entry(&pte, 1));
}

TEST(S24_not_present_is_zero)
{
	const char *rule = "S24_not_present_is_zero";
	unsigned int bit;

	EXPECT_HOLDS(spec_check_not_present(0, 1, 46, STRICT));
	EXPECT_HOLDS(spec_check_not_present(0, 1, 46, LOOSE));
	for (bit = 1; bit < 64; bit++)
		EXPECT_RULE(rule, spec_check_not_present(1ULL << bit, 1, 46, STRICT));
	for (bit = 1; bit < 64; bit++)
		if (bit != 11)
			EXPECT_RULE(rule, spec_check_not_present(1ULL << bit, 1, 46, LOOSE));
}

TEST(S24_held_entries)
{
	struct spec_entry e;

	EXPECT_HOLDS(spec_check_not_present(HELD | RW | US | 0x1000, 1, 46, LOOSE));
	EXPECT_HOLDS(spec_check_not_present(HELD | PS, 2, 46, LOOSE));
	EXPECT_RULE("S19_page_by_level", spec_check_not_present(HELD, 2, 46, LOOSE));
	EXPECT_RULE("S19_page_by_level", spec_check_not_present(HELD | PS, 4, 46, LOOSE));
	EXPECT_RULE("S23_page_flags", spec_check_not_present(HELD | G, 1, 46, LOOSE));
	EXPECT_RULE("S24_not_present_is_zero", spec_check_not_present(HELD, 1, 46, STRICT));

	EXPECT(spec_decode_held(HELD | RW | A | 0x5000, 1, 46, &e));
	EXPECT_EQ(SPEC_PAGE, e.kind);
	EXPECT_EQ(0x5000, e.addr);
	EXPECT_EQ(SPEC_NOREAD | SPEC_ACCESSED, e.attrs);
	EXPECT(e.flags.is_writable);
	EXPECT(spec_decode_held(HELD | PS | 0x40000000, 3, 46, &e));
	EXPECT_EQ(0x40000000, e.addr);
	EXPECT(!spec_decode_held(0, 1, 46, &e));
	EXPECT(!spec_decode_held(RW | 0x5000, 1, 46, &e));
	EXPECT(!spec_decode_held(P | HELD, 1, 46, &e));
	EXPECT(!spec_decode_held(HELD, 2, 46, &e));
	EXPECT(!spec_decode_held(HELD | 1ULL << 50, 1, 46, &e));
	EXPECT_EQ(SPEC_EMPTY, e.kind);
	EXPECT_EQ(SPEC_EMPTY, kind(HELD | RW | US | 0x1000, 1));
}

TEST(S25_paging_mode)
{
	const u64 la57 = 1 << 12, nxe = 1 << 11;

	EXPECT(spec_valid_paging(0, nxe, 4));
	EXPECT(spec_valid_paging(la57, nxe, 5));
	EXPECT(!spec_valid_paging(0, nxe, 5));
	EXPECT(!spec_valid_paging(la57, nxe, 4));
	EXPECT(!spec_valid_paging(0, 0, 4));
	EXPECT(!spec_valid_paging(~0ULL, ~nxe, 5));
}

/* One entry, all that it has to be. */
TEST(S13_S18_S22_to_S24_whole_entry)
{
	EXPECT_HOLDS(spec_check_entry(0, 1, 46, STRICT));
	EXPECT_HOLDS(spec_check_entry(P | RW | US | 0x1000, 4, 46, STRICT));
	EXPECT_HOLDS(spec_check_entry(P | RW | US | 0x1000, 2, 46, STRICT));
	EXPECT_HOLDS(spec_check_entry(P | PS | 0x200000, 2, 46, STRICT));
	EXPECT_HOLDS(spec_check_entry(P | 0x1000, 1, 46, STRICT));
	EXPECT_RULE("S18_no_high_bits", spec_check_entry(P | 1ULL << 52, 1, 46, STRICT));
	EXPECT_RULE("S13_must_be_zero", spec_check_entry(P | 1ULL << 46, 1, 46, STRICT));
	EXPECT_RULE("S13_must_be_zero", spec_check_entry(P | RW | US | PS, 4, 46, STRICT));
	EXPECT_RULE("S13_must_be_zero", spec_check_entry(P | PS | 1 << 13, 2, 46, STRICT));
	EXPECT_RULE("S22_directories_have_flags", spec_check_entry(P, 3, 46, STRICT));
	EXPECT_RULE("S23_page_flags", spec_check_entry(P | G, 1, 46, STRICT));
	EXPECT_RULE("S24_not_present_is_zero", spec_check_entry(RW, 1, 46, STRICT));
	EXPECT_HOLDS(spec_check_entry(HELD | RW, 1, 46, LOOSE));
}
