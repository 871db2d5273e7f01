# SPDX-License-Identifier: GPL-2.0
#
# Reads what scripts/guest/run-tests prints, shows one line for each program
# and what failed, and appends every result to the file RESULTS as
# "pass|fail|skip <tab> PREFIX/program.test".
#
# Variables: results, prefix, programs (the names of all that should run),
# may_skip (a skip is a failure, but for a reason that matches it), verbose (show
# everything).

function result(kind, test, why)
{
	if (kind == "skip" && !(may_skip && why ~ may_skip)) {
		kind = "fail"
		why = "skipped, where everything is provided" (why ? ": " why : "")
	}
	count[kind]++
	printf "%s\t%s/%s%s\n", kind, prefix, test, (why ? " (" why ")" : "") >> results
	if (kind == "fail")
		failure(test, why)
}

function failure(test, why,	i)
{
	if (!verbose)
		for (i = 0; i < lines; i++)
			print "    | " line[i]
	print "    FAILED " prefix "/" test (why ? ": " why : "")
	fflush()
}

function begin(name)
{
	program = name
	began[name] = 1
	planned = seen = failed = lines = 0
	test = ""
	delete count
}

# All of the program's own results are known; how did the program itself end?
function end(good, why)
{
	if (good && seen < planned)
		result("fail", program, "only " seen + 0 " of " planned " tests reported")
	else if (!good && !(count["fail"] && why ~ /status 1$/))
		result("fail", program, why)
	else if (!seen)
		result(why ~ /SKIP/ ? "skip" : "pass", program)
	printf "  %-28s %3d passed", program, count["pass"]
	if (count["fail"])
		printf ", %d failed", count["fail"]
	if (count["skip"])
		printf ", %d skipped", count["skip"]
	print ""
	fflush()
	program = ""
}

# A result line of a test: "ok 3 name # SKIP reason"
function test_result(text,	good, name, directive)
{
	good = text !~ /^not /
	sub(/^(not )?ok [0-9]+ *(- *)?/, "", text)
	directive = ""
	if (match(text, / *# *(SKIP|XFAIL|TIMEOUT|error)/)) {
		directive = substr(text, RSTART)
		text = substr(text, 1, RSTART - 1)
		sub(/^ *# */, "", directive)
	}
	name = text != "" ? text : test
	seen++
	if (directive ~ /^SKIP/) {
		sub(/^SKIP */, "", directive)
		result("skip", program "." name, directive)
	} else {
		result(good ? "pass" : "fail", program "." name)
	}
	lines = 0
}

{
	sub(/\r$/, "")
	if (verbose) {
		print "  " $0
		fflush()
	}
}

/^# selftests: vmspace: / { begin($4); next }

program != "" && /^ok [0-9]+ selftests: vmspace: / {
	end(1, $0)
	next
}

program != "" && /^not ok [0-9]+ selftests: vmspace: / {
	sub(/^[^#]*# */, "")
	sub(/exit=/, "ended with status ")
	end(0, $0)
	next
}

program != "" && /^# 1\.\.[0-9]+/ { planned = substr($2, 4) + 0; next }
program != "" && /^# (not )?ok [0-9]+/ { test_result(substr($0, 3)); next }
program != "" && /^# #  RUN / { test = $4; lines = 0 }
program != "" { line[lines++] = substr($0, 3) }

END {
	if (program != "")
		end(0, "did not end")
	lines = 0
	split(programs, all)
	for (i in all)
		if (!(all[i] in began))
			result("fail", all[i], "was not run")
}
