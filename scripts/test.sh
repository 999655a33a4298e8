#!/usr/bin/env bash
# All checks and all tests: ./scripts/test.sh [--all]. Installs what is missing. --all adds what fetches much: Wireshark 4.4
# and 4.6, and Wireshark's window under Xvfb. Ends with one line: N passed, N failed, N skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/lib.sh

if [ "$(id -u)" != 0 ]; then
  echo "the tests make network namespaces and start container engines: they run as root" >&2
  exec sudo --preserve-env=CI,HOME "$0" "$@"
fi

install_missing tshark=tshark dumpcap=wireshark-common ip=iproute2 nsenter=util-linux ping=iputils-ping sysctl=procps \
  nft=nftables iptables=iptables ss=iproute2 socat=socat \
  systemd-analyze=systemd curl=curl setcap=libcap2-bin kubectl=kubernetes-client \
  dockerd=docker.io docker=docker.io podman='podman containernetworking-plugins runc' catatonit=catatonit \
  containerd=containerd ctr=containerd busybox=busybox-static tcpdump=tcpdump trafgen=netsniff-ng script=bsdutils \
  ethtool=ethtool faketime=faketime x86_64-linux-gnu-strip=binutils rpmbuild=rpm file=file \
  lxc-start=lxc lxd=lxd systemd-nspawn=systemd-container newuidmap='uidmap slirp4netns passwd' setfacl=acl chromium=chromium openssl=openssl
if [ "${1:-}" = --all ]; then
  export REMORA_TEST_ALL=1
  install_missing debootstrap=debootstrap lintian=lintian wireshark=wireshark Xvfb=xvfb xauth=xauth xdotool=xdotool import=imagemagick \
    fc-list='fontconfig fonts-dejavu-core'
  ./scripts/wireshark-roots.sh
fi
install_npm_packages
exec npm run --silent test:all
