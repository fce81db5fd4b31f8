#!/bin/sh
# Installs what the Opus codec, the sound card and the voice processor are built with: libopus, libopusfile, PortAudio and
# SpeexDSP with their headers, pkg-config and a C compiler. Where all of it is there already, it does nothing. It never asks: where it may not
# install, it says what to run.
#
# On a CI it also installs PulseAudio, whose null sinks are the sound cards of the tests, iproute2, with which they make a
# network of their own, Chromium, the client that nobody here has written, curl, with which the documents call the REST API, and Node.js with the vendor's UserSig library in
# the version of its lock file. Elsewhere that is left to the user: PulseAudio could take the place of the sound server of
# the desktop.
set -eu
cd "$(dirname "$0")/../.."

complete() {
	cc=$(go env CC)
	command -v "${cc%% *}" >/dev/null && command -v pkg-config >/dev/null && pkg-config --exists opus opusfile portaudio-2.0 speexdsp && test_cards && test_network && test_browser && test_curl && test_node
}

# The sound cards of the tests are there, or not asked for.
test_cards() {
	[ "${CI:-}" != true ] || [ "$(uname)" != Linux ] || {
		command -v pulseaudio >/dev/null && command -v pactl >/dev/null && [ -n "$(find /usr/lib* -name libasound_module_pcm_pulse.so 2>/dev/null)" ]
	}
}

# So is what makes the lossy line of the tests.
test_network() {
	[ "${CI:-}" != true ] || [ "$(uname)" != Linux ] || command -v ip >/dev/null
}

# And a browser that talks to the server.
test_browser() {
	[ "${CI:-}" != true ] || [ "$(uname)" != Linux ] || command -v chromium >/dev/null || command -v google-chrome >/dev/null
}

# And what people call the REST API with.
test_curl() {
	[ "${CI:-}" != true ] || command -v curl >/dev/null
}

# And Node.js.
test_node() {
	[ "${CI:-}" != true ] || [ "$(uname)" != Linux ] || { command -v node >/dev/null && command -v npm >/dev/null; }
}

vendors_library() {
	vendors=signaling/usersig/testdata/npm
	[ "${CI:-}" != true ] || [ -f $vendors/node_modules/tls-sig-api-v2/package.json ] ||
		npm ci --prefix $vendors --ignore-scripts --no-audit --no-fund >&2
}

if complete; then
	vendors_library
	exit 0
fi
echo "setup: some of libopus, libopusfile, PortAudio, SpeexDSP, pkg-config and a C compiler is missing (on a CI also: PulseAudio, iproute2, Chromium, curl, Node.js with npm)" >&2

give_up() {
	echo "setup: run this, and then the same make again:" >&2
	echo "    $1" >&2
	exit 1
}

if command -v apt-get >/dev/null; then
	packages="gcc libc6-dev pkg-config libopus-dev libopusfile-dev portaudio19-dev libspeexdsp-dev"
	if [ "${CI:-}" = true ]; then
		packages="$packages pulseaudio pulseaudio-utils libasound2-plugins iproute2 chromium curl"
		test_node || packages="$packages nodejs npm" # one of another source, if it is there, does not go with Debian's npm
	fi
	if [ "$(id -u)" = 0 ]; then
		as_root=env
	elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
		as_root="sudo -n env"
	else
		give_up "sudo apt-get update && sudo apt-get install $packages"
	fi
	$as_root DEBIAN_FRONTEND=noninteractive apt-get update -q
	# shellcheck disable=SC2086 # a list of words
	$as_root DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $packages
elif command -v brew >/dev/null; then
	command -v cc >/dev/null || give_up "xcode-select --install"
	brew install opus opusfile portaudio speexdsp pkg-config
elif command -v dnf >/dev/null; then
	give_up "sudo dnf install gcc pkgconf-pkg-config opus-devel opusfile-devel portaudio-devel speexdsp-devel"
elif command -v pacman >/dev/null; then
	give_up "sudo pacman -S gcc pkgconf opus opusfile portaudio speexdsp"
elif command -v apk >/dev/null; then
	give_up "apk add gcc musl-dev pkgconf opus-dev opusfile-dev portaudio-dev speexdsp-dev"
else
	give_up "(your system's package manager): a C compiler, pkg-config, and the development files of opus, opusfile, portaudio and speexdsp"
fi

complete || give_up "go env CC; pkg-config --exists --print-errors opus opusfile portaudio-2.0 speexdsp # one of these still fails"
vendors_library
