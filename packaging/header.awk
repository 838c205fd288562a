# The header as the manual page atlas_backup(3): its conventions, and each function with the first sentence about it.
# awk -v version=...

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/…/, "...", text)
    gsub(/`/, "", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

BEGIN {
    printf ".TH ATLAS_BACKUP 3 \"\" \"atlas-backup %s\" \"Library Functions Manual\"\n.nh\n.ad l\n", version
}

NR == 2 {
    sub(/^ \* atlas_backup\.h - /, "")
    printf ".SH NAME\natlas_backup \\- %s\n.SH LIBRARY\nlibatlas_backup, \\-latlas_backup\n", roff($0)
    printf ".SH SYNOPSIS\n.nf\n#include <atlas_backup.h>\n\ncc prog.c $(pkg\\-config \\-\\-cflags \\-\\-libs atlas_backup)\n.fi\n"
}

# Of the text at the top the example and the conventions.
!beyond && /^ \* The core of a first program/ { printf ".SH EXAMPLE\n.nf\n"; example = 1; next }
example && /^ \*     / { print roff(substr($0, 8)); next }
example && /^ \*$/ { print ""; next }
example { print ".fi"; example = 0 }
!beyond && /^ \* The conventions/ { print ".SH DESCRIPTION"; conventions = 1; next }
conventions && /^ \* [A-Z][a-z]+\(?\)? +|^ \* NULL +|^ \* fork\(\) +/ {
    line = substr($0, 4)
    at = match(line, /  +/)
    if (at) {
        printf ".TP\n.B %s\n%s\n", roff(substr(line, 1, at - 1)), roff(substr(line, at + RLENGTH))
        next
    }
}
conventions && /^ \*  / {
    sub(/^ \* +/, "")
    print roff($0)
}
conventions && /^ \*\// {
    conventions = 0
    beyond = 1
    print ".SH FUNCTIONS\nOf each function the first sentence about it; the rest is in the header."
}

/^\/\* ==== / {
    section = $0
    gsub(/^\/\* ==== | =+ \*\/$/, "", section)
    pending = section
}

# The comment before a declaration: what is said up to the first full stop.
/^\/\*\*/ {
    said = ""
    telling = 1
}
telling {
    line = $0
    ended = line ~ /\*\/$/
    gsub(/^\/\*\* ?|^ \* ?| ?\*\/$/, "", line)
    if (line == "" && said != "")
        telling = 0
    else if (line != "")
        said = said (said == "" ? "" : " ") line
    if (ended)
        telling = 0
    next
}

# A declaration, on one line or several.
beyond && /^[a-z].*[ *]atlas_[a-z0-9_]+\(/ && !/^typedef/ { declaration = "" ; open = 1 }
open {
    line = $0
    sub(/^ +/, "", line)
    declaration = declaration (declaration == "" ? "" : " ") line
    if (line !~ /;$/)
        next
    open = 0
    if (pending != "")
        printf ".SS %s\n", pending
    pending = ""
    at = match(said, /[.] [A-Z`]/)
    if (at)
        said = substr(said, 1, at)
    printf ".TP\n.B %s\n%s\n", roff(declaration), roff(said)
}

END {
    printf ".SH FILES\n.TP\n.I atlas_backup.h\nthe header, which is the whole manual\n"
    printf ".TP\n.I share/atlas\\-backup/valgrind/atlas_backup.supp\nwhat valgrind mistakes for errors in TLS: "
    printf "valgrind \\-\\-suppressions=FILE\n"
    printf ".TP\n.I share/doc/atlas\\-backup/examples\nprograms to copy from\n.SH SEE ALSO%s\n", others
}
