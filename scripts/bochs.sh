# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash disable=SC2034,SC2154 # $run and others are scripts/vm's
#
# Bochs in the place of QEMU.  Sourced by scripts/vm, never run.
#
# Its MMU shares no code with QEMU's, and knows PCIDs.  It has one CPU here,
# boots from a CD like a machine of its time, and stops in its debugger first.

bochs_share=/usr/share/bochs

# The kernel rightly warns of two things that are not of interest here: the size
# that the model states of its compact XSAVE area, and its indirect branches.
bochs_arguments="noxsave retbleed=off"

bochs_check_options()
{
	[[ ! $shell ]] || usage_error "Bochs has no --shell"
	[[ ! $out ]] || usage_error "Bochs has no --out"
	((cpus == 1)) || usage_error "Bochs has one CPU: --cpus 1"
	[[ $la57 == off ]] || usage_error "Bochs has no 5-level page tables"
	[[ $accel == auto && $thread == single ]] ||
		usage_error "--accel and --thread are QEMU's"
}

# The kernel, the initramfs and a boot loader, on a CD.
bochs_make_cd()
{
	local boot=$run/cd/boot
	mkdir -p "$boot/grub"
	cp "$image" "$boot/vmlinuz"
	mv "$run/initramfs" "$boot/initramfs"
	cat > "$boot/grub/grub.cfg" <<-END
		linux /boot/vmlinuz $kernel_arguments $bochs_arguments
		initrd /boot/initramfs
		boot
	END
	grub-mkrescue -d /usr/lib/grub/i386-pc -o "$run/cd.iso" "$run/cd" \
		> "$run/errors" 2>&1 || {
		cat "$run/errors" >&2
		usage_error "grub-mkrescue failed"
	}
	rm -r "$run/cd" "$run/errors"
}

# Time is counted in instructions.  Whatever Bochs cannot do ends it.
bochs_configure()
{
	cat > "$run/bochsrc" <<-END
		config_interface: textconfig
		display_library: term
		plugin_ctrl: serial=1, biosdev=1, speaker=0, parallel=0, gameport=0
		romimage: file=$bochs_share/BIOS-bochs-latest
		vgaromimage: file=$bochs_share/VGABIOS-lgpl-latest
		memory: guest=$memory, host=$memory
		cpu: model=${cpu:-corei7_skylake_x}, count=1, ips=50000000, reset_on_triple_fault=0
		clock: sync=none, time0=local
		ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14
		ata0-master: type=cdrom, path="$run/cd.iso", status=inserted
		boot: cdrom
		com1: enabled=1, mode=file, dev="$run/log"
		com2: enabled=1, mode=file, dev="$run/output"
		log: "$run/bochs.log"
		panic: action=fatal
		error: action=ignore
		info: action=ignore
	END
	echo continue > "$run/debugger"
}

# Nothing shows for a minute while it boots: say how far it is.  And a guest
# that panics or reboots would start again from the CD, which nobody needs to see.
bochs_watch()
{
	local seconds line
	for ((seconds = 1; ; seconds++)); do
		sleep 1
		kill -0 "$vm_pid" 2> /dev/null || return 0
		if grep -qsE 'Kernel panic|reboot: Restarting' "$run/log"; then
			sleep 2
			: > "$run/stopped"
			kill "$vm_pid" 2> /dev/null || :
			return
		fi
		((seconds % 15 == 0)) || continue
		line=$(tail -n 1 "$run/log" 2> /dev/null | tr -d '\r' |
		       sed "s/vmspace-vm $nonce //" | cut -c 1-100)
		say "$seconds s: ${line:-the boot loader}"
	done
}

# What it says when it ends is no error if the guest has switched it off, or
# bochs_watch has; and its debugger talks in any case.
bochs_errors()
{
	[[ ! -e $run/stopped ]] || return 0
	sed -n '/^Bochs is exiting with the following message:/{n;p}' "$run/stderr" |
		grep -v 'ACPI control: soft power off' > "$run/errors" || :
}

run_bochs()
{
	local reader watcher
	bochs_make_cd
	bochs_configure
	mkfifo "$run/output"
	cat "$run/output" &
	reader=$!
	# Without a terminal that it could talk to.  The fifo is open for writing
	# as long as it runs, whether it writes there or not.
	TERM=vt100 setpriv --pdeathsig TERM timeout -k 5 "$limit" setsid --wait \
		bochs -q -f "$run/bochsrc" -rc "$run/debugger" \
		< /dev/null > /dev/null 2> "$run/stderr" 3> "$run/output" &
	vm_pid=$!
	bochs_watch &
	watcher=$!
	# What the shell says of one that was killed is of no use.
	{ wait "$vm_pid" || vm_status=$?; } 2> /dev/null
	vm_pid=
	kill "$watcher" 2> /dev/null || :
	wait "$watcher" "$reader" 2> /dev/null || :
	bochs_errors
}
