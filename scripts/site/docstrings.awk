# Rewrites the docstrings of the headers for Doxygen: "Throws:  why" becomes a paragraph with a title, "key   meaning" an
# item of a list, and continued lines of both lose their indentation.

# Doxygen 1.9 writes dead links to the private classes of a public one.
!is_private && /^ *private:$/ && FILENAME ~ /memo\/((backends|tools|testing|types)\/)?[a-z_]+\.hpp$/ {
    private_end = $0
    sub(/  private:$/, "};", private_end)
    public_again = $0
    sub(/private/, "public", public_again)
    is_private = 1
}
# What is indented less than expected ends it too: clang-format indents the rest of a class after a requires-clause.
is_private && (/^ *};$/ && length($0) <= length(private_end) || /^ *public:$/ && length($0) <= length(public_again)) {
    is_private = 0
}
is_private { next }

match($0, /^ *\/\/\/ +/) {
    text = substr($0, RLENGTH + 1)
    lead = substr($0, 1, index($0, "///") + 2) " "
    if (match(text, /^[A-Z][A-Za-z ]*:  +/)) {
        title = text
        sub(/:.*/, "", title)
        print lead "@par " title
        print lead substr(text, RLENGTH + 1)
        next
    }
    # A name, several names, or a call.
    if (match(text, /^([A-Za-z_0-9]+(, [A-Za-z_0-9]+)*  |[a-z_]+\([a-z_, ]*\)) +/)) {
        name = substr(text, 1, RLENGTH)
        sub(/ +$/, "", name)
        print lead "- `" name "`: " substr(text, RLENGTH + 1)
        next
    }
    if ($0 ~ /^ *\/\/\/      +/) {
        print lead "  " text
        next
    }
}
# The one specialization replaces its template: Doxygen 1.9 would write a page for each.
/^class memoized;$/ { is_cut = 1 }
/^class memoized</ {
    is_cut = 0
    print "class memoized {"
    next
}
is_cut { next }

# It lists defaulted comparisons without a target.
/friend .*operator(==|<=>).*= default;/ { next }

# Doxygen 1.9 takes a body after a trailing requires-clause for the end of the class.
/\) const requires .* \{$/ { sub(/ requires .*/, " {") }
{ print }
