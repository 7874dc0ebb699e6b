#!/bin/sh
# Prints how many test processes to run: one per core of this process, as far as memory goes.
set -eu

# A process takes 1.0 GB at most, and the programs that a test starts take about as much again for a while.
MIB_EACH=1536

least() { [ "$1" -lt "$2" ] && echo "$1" || echo "$2"; }

workers=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
memory=$(awk '/^MemAvailable:/ {print int($2 / 1024)}' /proc/meminfo)

# A container's limits, which the figures above do not follow.
if [ -r /sys/fs/cgroup/cpu.max ]; then
    cores=$(awk '$1 != "max" {print int($1 / $2 + 0.999)}' /sys/fs/cgroup/cpu.max)
    [ -z "$cores" ] || workers=$(least "$workers" "$cores")
fi
if [ -r /sys/fs/cgroup/memory.max ]; then
    limit=$(awk '$1 != "max" {printf "%d", $1 / 1048576}' /sys/fs/cgroup/memory.max)
    [ -z "$limit" ] || memory=$(least "$memory" "$limit")
fi

workers=$(least "$workers" $((memory / MIB_EACH)))
[ "$workers" -ge 1 ] || workers=1
echo "$workers"
