# Read by scripts. platform NAME: sets what packaging/platforms says of that platform, and `zig_cc`, what zig needs to
# compile programs for it.
platform() {
    line=$(grep "^$1 " packaging/platforms) || {
        echo "There is no platform \"$1\"; there are:" $(platforms) >&2
        return 1
    }
    read -r name oldest target zig_target wheel deb_arch rpm_arch <<EOF
$line
EOF
    arch=${name%%-*} libc=${name##*-}
    case $libc in
    gnu) zig_target=$zig_target.$oldest system="glibc $oldest" zig_cc="cc -target $zig_target" ;;
    # Without shared libraries, unless told otherwise.
    *) system="musl $oldest" zig_cc="cc -target $zig_target -dynamic" ;;
    esac
    case $arch in
    i686 | armv7) zig_cc="$zig_cc -D_FILE_OFFSET_BITS=64" ;;
    # The format that its glibc had before 2.32; zig takes the one after.
    ppc64le) zig_cc="$zig_cc -mabi=ibmlongdouble" ;;
    esac
}

platforms() {
    sed -n 's/^\([a-z0-9_-]*\) .*/\1/p' packaging/platforms
}
