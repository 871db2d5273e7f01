// SPDX-License-Identifier: GPL-2.0-only
/*
 * S60, S61, S66, and polarity: the order of writes.
 */
#include "spec/write.h"
#include "spec_test.h"

#define P	0x1ULL
#define RW	0x2ULL
#define US	0x4ULL
#define PCD	0x10ULL
#define A	0x20ULL
#define D	0x40ULL
#define PS	0x80ULL
#define HELD	0x800ULL
#define XD	0x8000000000000000ULL
#define DIR	(P | RW | US | 0x5000)
#define LEAF	(P | RW | 0x7000)
#define LARGE	(P | RW | PS | 0x200000)

/* One table, at 0x5000, which a directory may point to. */
static u64 table[512];

static u64 read_table(void *ctx, u64 at, unsigned int idx)
{
	EXPECT(!ctx);
	return at == 0x5000 ? table[idx] : 0;
}

static struct spec_pt pt = { .read = read_table, .cr3 = 0x5000, .levels = 4, .width = 46 };

static struct spec_write make_write(unsigned int level, u64 old, u64 new)
{
	struct spec_write w = { .level = level, .old = old, .new = new };

	spec_write_look(&w, &pt);
	return w;
}

static bool preserves(unsigned int level, u64 old, u64 new)
{
	struct spec_write w = make_write(level, old, new);

	return spec_view_preserving(&w, &pt);
}

static enum spec_polarity polarity(unsigned int level, u64 old, u64 new)
{
	struct spec_write w = make_write(level, old, new);

	return spec_polarity(&w, &pt);
}

TEST(S61_writes_that_preserve_the_view)
{
	memset(table, 0, sizeof(table));
	EXPECT(preserves(2, 0, DIR));
	EXPECT(preserves(2, DIR, 0));
	EXPECT(preserves(2, 0, 0));
	EXPECT(preserves(1, LEAF, LEAF));
	EXPECT(preserves(1, LEAF, LEAF | A | D));
	EXPECT(preserves(1, LEAF | PCD, LEAF | PCD | D));
	EXPECT(preserves(2, DIR, DIR | A));
	EXPECT(preserves(1, 0, HELD | RW));
	EXPECT(preserves(1, 0, RW | US));
	EXPECT(preserves(1, 0, LEAF | 1ULL << 50));
}

TEST(S61_writes_that_change_the_view)
{
	memset(table, 0, sizeof(table));
	EXPECT(!preserves(1, 0, LEAF));
	EXPECT(!preserves(1, LEAF, 0));
	EXPECT(!preserves(1, LEAF, LEAF ^ RW));
	EXPECT(!preserves(1, LEAF, LEAF | US));
	EXPECT(!preserves(1, LEAF, LEAF | XD));
	EXPECT(!preserves(1, LEAF, LEAF | 0x100));
	EXPECT(!preserves(1, LEAF, LEAF + 0x8000));
	EXPECT(!preserves(2, LARGE, DIR));
	table[511] = LEAF;
	EXPECT(!preserves(2, 0, DIR));
	EXPECT(!preserves(2, DIR, 0));
	EXPECT(!preserves(2, DIR, DIR + 0x1000));
	EXPECT(!preserves(2, DIR, DIR ^ RW));
	EXPECT(preserves(2, DIR, DIR));
	pt.held = true;
	EXPECT(!preserves(1, 0, HELD | RW));
	pt.held = false;
}

TEST(polarity__of_a_write)
{
	memset(table, 0, sizeof(table));
	EXPECT_EQ(SPEC_NONNEG, polarity(1, 0, LEAF));
	EXPECT_EQ(SPEC_NONNEG, polarity(2, 0, DIR));
	EXPECT_EQ(SPEC_NONPOS, polarity(1, LEAF, 0));
	EXPECT_EQ(SPEC_NONPOS, polarity(1, LEAF, (LEAF & ~P) | HELD));
	EXPECT_EQ(SPEC_NONPOS, polarity(2, DIR, 0));
	EXPECT_EQ(SPEC_NONPOS, polarity(1, LEAF, LEAF | 1ULL << 50));
	EXPECT_EQ(SPEC_PROT, polarity(1, LEAF, LEAF ^ RW));
	EXPECT_EQ(SPEC_PROT, polarity(1, LEAF, LEAF ^ US));
	EXPECT_EQ(SPEC_PROT, polarity(1, LEAF, LEAF ^ XD));
	EXPECT_EQ(SPEC_NEUTRAL, polarity(1, LEAF, LEAF | A | D));
	EXPECT_EQ(SPEC_NEUTRAL, polarity(1, LEAF | PCD, LEAF | PCD | D));
	EXPECT_EQ(SPEC_NEUTRAL, polarity(1, 0, HELD | RW));
	EXPECT_EQ(SPEC_NEUTRAL, polarity(1, HELD | RW, 0));
	EXPECT_EQ(SPEC_OTHER, polarity(1, LEAF, LEAF + 0x1000));
	EXPECT_EQ(SPEC_OTHER, polarity(1, LEAF, LEAF | 0x100));
	EXPECT_EQ(SPEC_OTHER, polarity(2, LARGE, DIR));
	EXPECT_EQ(SPEC_OTHER, polarity(2, DIR, DIR + 0x1000));
	EXPECT_EQ(SPEC_OTHER, polarity(2, DIR, DIR ^ RW));
}

/*
 * Sequences of writes, a letter each:
 *   l  link an empty table      L  link a table that maps something
 *   u  unlink an empty table    m  write a leaf     c  clear a leaf
 *   p  change a leaf's rights   f  change its frame
 * The first rule that is violated, at the write or at the end.
 */
static struct spec_write by_letter(char letter)
{
	struct spec_write w = { .level = 1, .old = LEAF, .new = LEAF };

	switch (letter) {
	case 'l':
	case 'L':
		w = (struct spec_write) { .level = 2, .new = DIR, .new_empty = letter == 'l' };
		break;
	case 'u':
		w = (struct spec_write) { .level = 2, .old = DIR, .old_empty = true };
		break;
	case 'm':
		w.old = 0;
		break;
	case 'c':
		w.new = 0;
		break;
	case 'p':
		w.new ^= RW;
		break;
	default:
		w.new += 0x1000;
	}
	return w;
}

static const char *sequence(enum spec_operation operation, const char *letters, bool success)
{
	struct spec_order order;
	const char *rule = NULL;

	spec_order_start(&order, operation);
	for (; *letters && !rule; letters++) {
		struct spec_write w = by_letter(*letters);

		rule = spec_order_write(&order, &w, &pt);
	}
	return rule ? rule : spec_order_end(&order, success);
}

TEST(S60_failed_map_writes_nothing)
{
	EXPECT_HOLDS(sequence(SPEC_MAP, "", false));
	EXPECT_RULE("S60_failure_writes_nothing", sequence(SPEC_MAP, "l", false));
	EXPECT_RULE("S60_failure_writes_nothing", sequence(SPEC_MAP, "m", false));
	EXPECT_RULE("S60_failure_writes_nothing", sequence(SPEC_MAP, "lllm", false));
}

TEST(S61_order_of_a_map)
{
	EXPECT_HOLDS(sequence(SPEC_MAP, "m", true));
	EXPECT_HOLDS(sequence(SPEC_MAP, "lm", true));
	EXPECT_HOLDS(sequence(SPEC_MAP, "lllm", true));
	EXPECT_RULE("S61_one_change", sequence(SPEC_MAP, "", true));
	EXPECT_RULE("S61_one_change", sequence(SPEC_MAP, "ll", true));
	EXPECT_RULE("S61_one_change", sequence(SPEC_MAP, "mm", true));
	EXPECT_RULE("S61_one_change", sequence(SPEC_MAP, "lLm", true));
	EXPECT_RULE("S61_change_is_last", sequence(SPEC_MAP, "ml", true));
	EXPECT_RULE("S61_change_is_last", sequence(SPEC_MAP, "lml", true));
}

TEST(S66_order_of_an_unmap)
{
	EXPECT_HOLDS(sequence(SPEC_UNMAP, "c", true));
	EXPECT_HOLDS(sequence(SPEC_UNMAP, "cuuu", true));
	EXPECT_RULE("S66_one_change", sequence(SPEC_UNMAP, "", true));
	EXPECT_RULE("S66_one_change", sequence(SPEC_UNMAP, "cc", true));
	EXPECT_RULE("S66_one_change", sequence(SPEC_UNMAP, "cuc", true));
	EXPECT_RULE("S66_change_is_first", sequence(SPEC_UNMAP, "uc", true));
	EXPECT_RULE("S66_change_is_first", sequence(SPEC_UNMAP, "u", true));
}

TEST(S66_failed_unmap_writes_nothing)
{
	EXPECT_HOLDS(sequence(SPEC_UNMAP, "", false));
	EXPECT_RULE("S66_failure_writes_nothing", sequence(SPEC_UNMAP, "c", false));
	EXPECT_RULE("S66_one_change", sequence(SPEC_UNMAP, "cc", false));
}

TEST(protect__is_one_write)
{
	EXPECT_HOLDS(sequence(SPEC_PROTECT, "p", true));
	EXPECT_HOLDS(sequence(SPEC_PROTECT, "", false));
	EXPECT_RULE("protect_one_write", sequence(SPEC_PROTECT, "", true));
	EXPECT_RULE("protect_one_write", sequence(SPEC_PROTECT, "pp", true));
	EXPECT_RULE("protect_one_write", sequence(SPEC_PROTECT, "pc", true));
	EXPECT_RULE("protect_one_write", sequence(SPEC_PROTECT, "l", true));
	EXPECT_RULE("protect_failure_writes_nothing", sequence(SPEC_PROTECT, "p", false));
}

TEST(polarity__of_an_operation)
{
	const char *rule = "polarity_of_operation";

	EXPECT_RULE(rule, sequence(SPEC_MAP, "u", true));
	EXPECT_RULE(rule, sequence(SPEC_MAP, "p", true));
	EXPECT_RULE(rule, sequence(SPEC_MAP, "f", true));
	EXPECT_RULE(rule, sequence(SPEC_MAP, "c", true));
	EXPECT_RULE(rule, sequence(SPEC_UNMAP, "m", true));
	EXPECT_RULE(rule, sequence(SPEC_UNMAP, "cl", true));
	EXPECT_RULE(rule, sequence(SPEC_UNMAP, "p", true));
	EXPECT_RULE(rule, sequence(SPEC_PROTECT, "c", true));
	EXPECT_RULE(rule, sequence(SPEC_PROTECT, "f", true));
}

/*
 * Writes, fences and flushes, a letter each: + nonneg, - nonpos, * prot, 0
 * neutral, ! other, f fence, F flush.
 */
static const char *phases(const char *letters)
{
	struct spec_phase phase = { SPEC_NEUTRAL, true, true };
	const char *rule = NULL;

	for (; *letters && !rule; letters++) {
		switch (*letters) {
		case '+':
			rule = spec_phase_write(&phase, SPEC_NONNEG);
			break;
		case '-':
			rule = spec_phase_write(&phase, SPEC_NONPOS);
			break;
		case '*':
			rule = spec_phase_write(&phase, SPEC_PROT);
			break;
		case '0':
			rule = spec_phase_write(&phase, SPEC_NEUTRAL);
			break;
		case '!':
			rule = spec_phase_write(&phase, SPEC_OTHER);
			break;
		case 'f':
			spec_phase_fence(&phase);
			break;
		default:
			spec_phase_flush(&phase);
		}
	}
	return rule;
}

TEST(polarity__phases_are_kept_apart)
{
	static const char *const right[] = {
		"", "+", "-", "*", "++++", "----", "+f+", "+f-fF+", "-fF+", "-fF-", "*fF*",
		"*fF+f-", "0+0+0", "-0-fF0+", "+f*fF-",
	};
	static const char *const wrong[] = {
		"+-", "-+", "+*", "*+", "*-", "-*", "**", "*f*", "*F*", "-f+", "-F+", "+F-",
		"*fF**", "+f-+", "+f-f+", "-fF+-", "-0+",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(right); i++)
		EXPECT_HOLDS(phases(right[i]));
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		EXPECT_RULE("polarity_kept_apart", phases(wrong[i]));
	EXPECT_RULE("polarity_of_write", phases("!"));
}
