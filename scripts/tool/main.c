// SPDX-License-Identifier: GPL-2.0-only
/*
 * vmspace: the command-line tool.
 */
#include <stdarg.h>
#include "tool.h"

void die(int error, const char *fmt, ...)
{
	va_list args;

	fflush(stdout);
	fputs("vmspace: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	if (error < 0)
		fprintf(stderr, ": %s", strerror(-error));
	fputc('\n', stderr);
	exit(1);
}

int must(int ret, const char *what)
{
	if (ret < 0)
		die(ret, "%s", what);
	return ret;
}

int cmd_info(int argc, char **argv)
{
	struct vmspace_info info;
	int fd;

	(void)argv;
	if (argc > 1)
		die(0, "info takes no arguments");
	fd = vms_open();
	if (fd < 0)
		die(-errno, "/dev/vmspace");
	must(vms_info(fd, &info), "INFO");
	printf("levels        %u\n", info.levels);
	printf("address space 0x0 to 0x%llx\n", info.va_end);
	printf("physical      %u bits\n", info.phys_bits);
	printf("page sizes    0x%llx\n", info.page_sizes);
	printf("frame sizes   0x%llx\n", info.frame_sizes);
	printf("features     %s%s%s%s%s\n",
	       info.features & VMSPACE_FEATURE_LEVEL5 ? " level5" : "",
	       info.features & VMSPACE_FEATURE_PTI ? " pti" : "",
	       info.features & VMSPACE_FEATURE_PCID ? " pcid" : "",
	       info.features & VMSPACE_FEATURE_MUTATE ? " mutate" : "",
	       info.features ? "" : " none");
	printf("limits        %u operations a call, %u objects a file,\n", info.max_ops,
	       info.max_objects);
	printf("              %u pages a memory object, %u pages deferred\n", info.max_frames,
	       info.max_deferred);
	printf("              %u instructions an access program, %u us for it\n", info.max_insns,
	       info.max_run_us);
	printf("CPUs          numbers below %u\n", info.nr_cpus);
	printf("flush ceiling %u pages\n", info.flush_ceiling);
	return 0;
}

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *help;
} commands[] = {
	{ "info", cmd_info, "what the module on this machine can do" },
	{ "demo", cmd_demo, "[PROGRAM]: load an ELF program into a private space, and use it" },
	{ "bench", cmd_bench, "[--csv FILE] [TABLE...]: measure the module beside Linux" },
};

#define NR_COMMANDS	(sizeof(commands) / sizeof(commands[0]))

static void show_help(FILE *to)
{
	unsigned int i;

	fputs("usage: vmspace COMMAND [ARGUMENT...]\n\n", to);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(to, "  %-6s %s\n", commands[i].name, commands[i].help);
	fputs("\nIt needs the vmspace module, and rights on /dev/vmspace.\n", to);
}

int main(int argc, char **argv)
{
	unsigned int i;

	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))) {
		show_help(stdout);
		return 0;
	}
	for (i = 0; argc > 1 && i < NR_COMMANDS; i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].run(argc - 1, argv + 1);
	show_help(stderr);
	return 2;
}
