# Read by scripts: other machines than this one, made of Debian's packages, which are unpacked and not installed.

machines=$PWD/${BUILD:-build}/machines

# debian ARCHITECTURE FOLDER PACKAGE...: unpacks them and what they depend on, from where this machine has its packages.
debian() (
    root=$machines/$2 state=$machines/apt-$1
    [ ! -f "$root/.complete" ] || exit 0
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        echo "apt-get or dpkg-deb is not installed"
        exit 1
    fi
    mkdir -p "$state/lists/partial" "$state/archives/partial" && : >"$state/status" && rm -rf "$root" && mkdir -p "$root" || exit
    cat >"$state/apt.conf" <<EOF || exit
APT::Architecture "$1";
APT::Architectures { "$1"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
Dir::State "$state";
Dir::State::status "$state/status";
Dir::Cache "$state";
EOF
    export APT_CONFIG="$state/apt.conf"
    shift 2
    # An index that some other source of this machine lacks for that architecture is no reason to give up.
    timeout 300 apt-get --quiet update
    timeout 600 apt-get --quiet --yes --no-install-recommends --download-only install "$@" || exit
    for package in "$state"/archives/*.deb; do
        dpkg-deb --extract "$package" "$root" || exit
    done
    rm -rf "$state/archives"
    # Links are meant for a system whose root this is; this machine has other files there, or none.
    find "$root" -type l -lname '/*' | while IFS= read -r link; do
        ln -sfn "$root$(readlink "$link")" "$link"
    done
    touch "$root/.complete"
)

# qemu ARCHITECTURE: sets `qemu` to what runs programs of that architecture.
qemu() {
    qemu=$(command -v "qemu-$1-static" || command -v "qemu-$1") && return
    debian "$(dpkg --print-architecture)" qemu qemu-user-static && qemu=$machines/qemu/usr/bin/qemu-$1-static && [ -x "$qemu" ]
}

# emulate ARCHITECTURE COMMAND...: runs a test that starts programs of that architecture of Debian's: arm64, or one that this
# machine has. For the former, qemu is made known to the kernel until the test ends, which takes root.
emulate() {
    known=/proc/sys/fs/binfmt_misc architecture=$1
    shift
    if [ "$architecture" != arm64 ] || [ "$(uname -m)" = aarch64 ]; then
        "$@"
        return
    fi
    # How such a program begins, of any system and linked in any way.
    begins='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
    counts='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
    [ ! -e "$known/atlas-backup" ] || echo -1 >"$known/atlas-backup" # a test that was killed
    if ! qemu aarch64 || ! { [ -e "$known/register" ] || mount -t binfmt_misc binfmt_misc "$known"; } ||
        ! printf '%s' ":atlas-backup:M::$begins:$counts:$qemu:PF" >"$known/register"; then
        echo "skipped: $1: there is no qemu, or the kernel cannot be told of it"
        echo "0 passed, 0 failed"
        return
    fi
    "$@"
    status=$?
    echo -1 >"$known/atlas-backup"
    return $status
}

# machine PLATFORM: sets `runs` to a command that runs a program of that platform with the library in `folder`, and `how`
# to what people should know of that.
machine() {
    platform "$1" || return
    case $name in
    "$(uname -m)-linux-gnu")
        runs="env LD_LIBRARY_PATH=$folder"
        how="native"
        return
        ;;
    riscv64-linux-gnu) # not in every Debian, but as a compiler's library
        debian "$(dpkg --print-architecture)" "$name" libc6-riscv64-cross libgcc-s1-riscv64-cross || return
        root=$machines/$name/usr/$name
        ;;
    *-gnu)
        debian "$deb_arch" "$name" libc6 libgcc-s1 $([ "$arch" != aarch64 ] || echo python3) || return
        root=$machines/$name
        ;;
    *-musl)
        platform "$arch-linux-gnu" && architecture=$deb_arch && platform "$1" && debian "$architecture" "$name" musl || return
        root=$machines/$name
        ;;
    esac
    loader=$(ls "$root"/lib/ld-musl-*.so.1 "$root"/lib/*/ld-linux*.so.* 2>/dev/null | head -n 1)
    case $arch-$(uname -m) in
    x86_64-x86_64 | i686-x86_64 | i686-i686 | aarch64-aarch64 | armv7-aarch64)
        runs="$loader --library-path $folder:$(dirname "$loader")"
        how="native"
        ;;
    *)
        qemu "$(echo "$arch" | sed 's/^armv7$/arm/; s/^i686$/i386/')" || return
        runs="$qemu -L $root -E LD_LIBRARY_PATH=$folder"
        how="$($qemu --version | sed -n 's/^\(qemu-[^ ]*\) version \([0-9.]*\).*/\1 \2/p')"
        ;;
    esac
}
