# Read by scripts. platform NAME: sets what packaging/platforms says of that platform.
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
    gnu) zig_target=$zig_target.$oldest system="glibc $oldest" ;;
    *) system="musl $oldest" ;;
    esac
}

platforms() {
    sed -n 's/^\([a-z0-9_-]*\) .*/\1/p' packaging/platforms
}
