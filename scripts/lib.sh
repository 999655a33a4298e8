# What the scripts share: becoming root for the system's packages, and installing what is missing.

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# install_missing COMMAND='PACKAGE…'…: installs the packages whose command is not there.
install_missing() {
  local pair packages=()
  for pair in "$@"; do
    PATH=$PATH:/usr/sbin:/sbin command -v "${pair%%=*}" >/dev/null || packages+=(${pair#*=})
  done
  [ ${#packages[@]} -eq 0 ] && return
  if ! command -v apt-get >/dev/null; then
    echo "Please install: ${packages[*]} (these are Debian's names; this script knows no package manager but apt-get)" >&2
    exit 5
  fi
  echo "installing ${packages[*]}"
  as_root apt-get update -qq
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
}

# The npm packages, node 24 among them, at the versions of the lock file. Not npm ci: that wants the packages of every
# platform in the lock file, also those that the registry at hand does not have.
install_npm_packages() {
  if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    echo "installing npm packages"
    npm install --no-save --loglevel=error --no-progress >/dev/null
  fi
}
