# A program's --help as a manual page or as completion: awk -v form=man|bash|zsh -v name=... -v version=... -v about=...

function roff(text) {
    gsub(/\\/, "\\e", text)
    gsub(/-/, "\\-", text)
    gsub(/…/, "...", text)
    if (text ~ /^[.']/)
        text = "\\&" text
    return text
}

# After the blanks a line begins with: "term" and "meaning", which two blanks or more part.
function split_line(line,    at) {
    sub(/^ +/, "", line)
    at = match(line, /  +/)
    term = at ? substr(line, 1, at - 1) : line
    meaning = at ? substr(line, at + RLENGTH) : ""
}

function finish_entry() {
    if (entry == "")
        return
    if (form == "man")
        printf ".TP\n.B %s\n%s\n", roff(entry), entry_meaning == "" ? "\\&" : roff(entry_meaning)
    else if (entry ~ /^-/) {
        entries[++count] = entry
        meanings[count] = entry_meaning
    }
    entry = ""
}

function finish_plain() {
    if (plain && form == "man")
        print ".fi"
    plain = 0
}

function heading(text) {
    finish_entry()
    finish_plain()
    sub(/:$/, "", text)
    if (tolower(text) == "exit codes")
        text = "exit status"
    if (form == "man")
        printf ".SH %s\n", toupper(text)
}

BEGIN {
    if (form == "man") {
        printf ".TH %s 1 \"\" \"atlas-backup %s\" \"User Commands\"\n.nh\n.ad l\n", toupper(name), version
        printf ".SH NAME\n%s \\- %s\n.SH SYNOPSIS\n", name, roff(about)
    }
    part = "usage"
}

{ sub(/[ \t]+$/, "") }

part == "usage" && (NR == 1 || /^ /) {
    sub(/^[Uu]sage: */, "")
    sub(/^ +/, "")
    usage = usage " " $0
    if (form == "man")
        printf "%s.B %s\n", (NR > 1 ? ".br\n" : ""), roff($0)
    next
}
part == "usage" {
    part = "text"
    heading("description")
}

/^$/ {
    finish_entry()
    blank = 1
    next
}

# Not indented: a heading, or text.
/^[^ ]/ {
    if ($0 ~ /:$/ && split($0, words, " ") <= 3) {
        heading($0)
        under = tolower($0)
        blank = 0
        next
    }
    finish_entry()
    finish_plain()
    if (form == "man")
        printf "%s%s\n", (blank ? ".PP\n" : ""), roff($0)
    under = ""
    blank = 0
    next
}

# Indented: an example or a table of several columns stays as it is, "TERM  meaning", more of the meaning before, or text.
{
    indent = match($0, /[^ ]/) - 1
    split_line($0)
    if (plain || under ~ /^example/ || meaning ~ /   /) {
        finish_entry()
        if (form == "man") {
            if (!plain)
                print ".PP\n.nf"
            print roff($0)
        }
        plain = 1
    } else if (entry != "" && indent > entry_indent + 3 && !(term ~ /^-/ && meaning != "")) {
        sub(/^ +/, "")
        entry_meaning = entry_meaning (entry_meaning == "" ? "" : " ") $0
    } else if (meaning == "" && term ~ / /) {
        paragraph = blank || entry != ""
        finish_entry()
        if (form == "man")
            printf "%s%s\n", (paragraph ? ".PP\n" : ""), roff(term)
    } else {
        finish_entry()
        entry = term
        entry_meaning = meaning
        # Options without a short name are indented more than those with one.
        entry_indent = term ~ /^--/ ? 2 : indent
    }
    blank = 0
}

END {
    finish_entry()
    finish_plain()
    if (form == "man") {
        printf ".SH SEE ALSO\n.BR atlas_backup (3)\n"
        exit
    }
    for (i = 1; i <= count; i++) {
        # --name[=VALUE]: a value comes in the same word or not at all.
        optional[i] = sub(/\[=/, "=", entries[i])
        gsub(/\]/, "", entries[i])
        parts = split(entries[i], words, /[ ,=]+/)
        names[i] = argument[i] = ""
        for (k = 1; k <= parts; k++)
            if (words[k] ~ /^-/)
                names[i] = names[i] (names[i] == "" ? "" : " ") words[k]
            else
                argument[i] = words[k]
    }
    if (form == "bash")
        bash()
    else
        zsh()
}

# Options; after one that takes an argument nothing is known that could be offered.
function bash(    i, k, n, all, taking) {
    for (i = 1; i <= count; i++) {
        all = all " " names[i]
        n = argument[i] == "" || optional[i] ? 0 : split(names[i], words, " ")
        for (k = 1; k <= n; k++)
            taking = taking (taking == "" ? "" : "|") words[k]
    }
    printf "# bash completion of %s, from atlas-backup %s\n\n_%s()\n{\n    COMPREPLY=()\n", name, version, name
    if (taking != "")
        printf "    case ${COMP_WORDS[COMP_CWORD-1]} in\n    %s) return ;;\n    esac\n", taking
    printf "    case ${COMP_WORDS[COMP_CWORD]} in\n    -*) COMPREPLY=($(compgen -W \"%s\" -- \"${COMP_WORDS[COMP_CWORD]}\")) ;;\n    esac\n}\n", substr(all, 2)
    printf "complete -F _%s %s\n", name, name
}

function zsh(    i, k, n, text, both) {
    printf "#compdef %s\n# from atlas-backup %s\n\n_arguments -s -S", name, version
    for (i = 1; i <= count; i++) {
        text = meanings[i]
        gsub(/[][\\]/, "\\\\&", text)
        gsub(/'/, "'\\''", text)
        n = split(names[i], words, " ")
        both = names[i]
        gsub(/ /, ",", both)
        printf " \\\n    %s%s[%s]%s'", (n > 1 ? "'(" names[i] ")'{" both "}'" : "'" names[i]), \
            (optional[i] ? "=-" : ""), text, (argument[i] == "" ? "" : (optional[i] ? "::" : ":") argument[i] ":")
    }
    # What is left of the usage without options.
    gsub(/\[[^]]*\](\.\.\.)?/, "", usage)
    gsub(/-[^ ]+ [A-Z]+/, "", usage)
    n = split(usage, words, " ")
    for (i = 1; i <= n; i++)
        if (words[i] ~ /^[A-Z]+(\.\.\.)?$/)
            printf " \\\n    '%s:%s:'", (sub(/\.\.\./, "", words[i]) ? "*" : ""), words[i]
    print ""
}
