#!/bin/sh
# Brings a machine to the point where OneHop runs. Used by ./onehop, by Vagrant and by hand:
#
#   scripts/setup.sh model       a Python environment: scenarios, plans, reports (any Unix; no root)
#   scripts/setup.sh emulation   also Open vSwitch, Mininet's mnexec, iperf3 (Debian or Ubuntu; root)
#   scripts/setup.sh test        also what the tests need
#   scripts/setup.sh model-test  what the tests of the model need (any Unix; no root)
#   scripts/setup.sh --check LEVEL   exit 0 if there is nothing to do; changes nothing
#
# It installs Debian packages with apt-get and Python packages into one folder (ONEHOP_VENV, default .venv
# beside the project) and touches nothing else. Safe to run again; an interrupted run is picked up.
set -eu

root=${ONEHOP_ROOT:-$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)}
venv=${ONEHOP_VENV:-$root/.venv}

check=
if [ "${1:-}" = --check ]; then check=1; shift; fi
level=${1:-emulation}
case $level in
  model) extra='' ;;
  emulation) extra='' ;;
  test | model-test) extra='[test]' ;;
  *) echo "setup.sh: unknown level '$level' (model, emulation, test or model-test)" >&2; exit 2 ;;
esac

# Program that must be there -> Debian package that brings it.
programs='ovs-vswitchd:openvswitch-switch ovsdb-server:openvswitch-switch ovs-vsctl:openvswitch-common
ovs-ofctl:openvswitch-common mnexec:mininet iperf3:iperf3 ip:iproute2 tc:iproute2 ping:iputils-ping
ethtool:ethtool modprobe:kmod nsenter:util-linux bash:bash stty:coreutils ps:procps'
conveniences='tcpdump:tcpdump traceroute:traceroute'

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { printf '%s\n' "onehop setup: $*" >&2; }

missing_packages() {  # of the given program:package list
  found=
  for pair in $1; do
    command -v "${pair%%:*}" >/dev/null 2>&1 || found="$found ${pair#*:}"
  done
  # shellcheck disable=SC2086
  [ -z "$found" ] || printf '%s\n' $found | sort -u | tr '\n' ' '
}

find_python() {  # prints a Python >= 3.11 that can make environments
  for name in python3 python3.13 python3.12 python3.11 python3.14 /usr/bin/python3; do
    if command -v "$name" >/dev/null 2>&1 &&
      "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      command -v "$name"
      return 0
    fi
  done
  return 1
}

fingerprint() {  # of everything the environment is built from, the core of links in C included
  cksum "$root/pyproject.toml" "$root/setup.py" "$root/scripts/setup.sh" \
    "$root"/topology/emulation/links/compiled/*.[ch] | cut -d' ' -f1,2 | tr '\n' ' '
}

environment_ready() {
  stamp=$venv/.onehop-ready$1
  [ -x "$venv/bin/onehop" ] && [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$(fingerprint)$root" ]
}

system_ready() {
  case $level in model*) return 0 ;; esac
  [ "$(uname -s)" = Linux ] || return 0
  [ -z "$(missing_packages "$programs")" ]
}

python_ready() { environment_ready "$extra" || { [ -z "$extra" ] && environment_ready '[test]'; }; }

if [ -n "$check" ]; then
  system_ready && python_ready
  exit
fi

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"
  elif command -v sudo >/dev/null 2>&1; then sudo -- "$@"
  else
    say "root is needed to install system packages: run this as root"
    exit 3
  fi
}

install_packages() {  # PACKAGE...
  if ! command -v apt-get >/dev/null 2>&1; then
    say "this system has no apt-get. Install by hand what provides: $*"
    say "or use the Vagrantfile, which brings a system where everything is installed"
    exit 3
  fi
  say "installing system packages: $*"
  log=$(mktemp)
  # An update first: a fresh image has no lists, an old one has stale ones. Its failure matters only
  # if the installation then fails too (some machines install from local media).
  as_root env DEBIAN_FRONTEND=noninteractive apt-get update -q >"$log" 2>&1 || true
  if ! as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >>"$log" 2>&1
  then
    tail -n 15 "$log" >&2
    say "apt-get could not install: $* (its last lines are above)"
    say "hint: on Ubuntu, mininet and iperf3 are in 'universe': add-apt-repository universe"
    rm -f "$log"
    exit 3
  fi
  rm -f "$log"
}

if ! system_ready; then
  packages=$(missing_packages "$programs")
  if [ -n "$packages" ]; then
    # shellcheck disable=SC2086
    install_packages $packages $(missing_packages "$conveniences")
  fi
fi

python_ready && exit 0

if ! python=$(find_python); then
  if command -v apt-get >/dev/null 2>&1; then
    install_packages python3 python3-venv
    python=$(find_python) || { say "Python 3.11 or newer is needed; this system has an older one"; exit 3; }
  else
    say "Python 3.11 or newer with venv is needed"
    exit 3
  fi
fi

# Two set-ups at once would write into the same folder: the second waits for the first.
mkdir -p "$(dirname -- "$venv")"
if command -v flock >/dev/null 2>&1; then
  exec 9>"$venv.lock"
  flock -w 900 9 || { say "another set-up holds $venv.lock for more than 15 minutes"; exit 3; }
  python_ready && { rm -f "$venv.lock"; exit 0; }
fi

say "building the Python environment in $venv with $("$python" --version 2>&1) (a minute or two, once)"
log=$venv.log
build() {
  if ! [ -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'
  then
    rm -rf "$venv"
    "$python" -m venv "$venv"
  fi
  rm -f "$venv"/.onehop-ready*
  "$venv/bin/python" -m pip --disable-pip-version-check --no-input install \
    --retries 5 --timeout 60 -e "$root$extra"
}
if ! build >"$log" 2>&1; then
  tail -n 15 "$log" >&2
  say "the Python packages could not be installed (last lines above, all of it in $log)"
  say "hint: this needs the network once; behind a proxy set https_proxy, for a mirror PIP_INDEX_URL"
  exit 3
fi
printf '%s' "$(fingerprint)$root" >"$venv/.onehop-ready$extra"
rm -f "$log" "$venv.lock"
# Started through sudo, the files still belong to the person who typed it.
if [ -n "${SUDO_UID:-}" ] && [ "$(id -u)" -eq 0 ]; then
  chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$venv"
fi
say "ready"
