# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
#
# What the scripts of this directory share.  Sourced, never run.
#
# The cache holds everything that is downloaded or built once: kernels, kernel
# sources, debug kernels, the results of accelerator probes.  It lies outside
# of the project, so that a clean clone finds it again:
#
#   $VMSPACE_CACHE, else $XDG_CACHE_HOME/vmspace, else ~/.cache/vmspace
#
# Whatever appears in it under its final name is complete: it is made under a
# temporary name, by one process at a time (with_lock), and renamed.

# shellcheck disable=SC2034 # used by the scripts that source this file
project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cache=${VMSPACE_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/vmspace}

# Called by make, these scripts still run make as if they were called by hand.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

# The kernels that the module is for, and the one that the virtual machine runs
# unless told otherwise.
# shellcheck disable=SC2034
kernels=(6.1 6.12 7.2) default_kernel=6.1

# Progress and errors go to stderr: stdout belongs to a script's result.
say()
{
	printf '%s: %s\n' "${0##*/}" "$*" >&2
}

die()
{
	say "$*"
	exit 1
}

# The header comment of a script is its help text.
show_help()
{
	sed -n '4,/^[^#]/{/^#/!d;s/^# \{0,1\}//;p}' "$0"
}

# make_temp TEMPLATE: a temporary folder in the cache, in $temp, that goes
# away when the script ends, however it ends.
temp=
make_temp()
{
	mkdir -p "$cache"
	temp=$(mktemp -d "$cache/$1.XXXXXX")
	trap 'rm -rf "$temp"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM
	trap 'exit 129' HUP
}

# with_lock NAME COMMAND...: runs COMMAND while no other process holds NAME.
with_lock()
{
	local name=$1 fd
	shift
	mkdir -p "$cache"
	exec {fd}> "$cache/.lock.$name"
	if ! flock -n "$fd"; then
		say "waiting for another run that makes $name"
		flock "$fd"
	fi
	"$@"
	exec {fd}>&-
}
