# Reads pages, and writes one C++ program of their ```cpp blocks.
#
#   awk -v found="openmp" -f snippets.awk README.md docs/guide.md … > snippets.cpp
#
# Each block becomes the body of a function; its #include lines go to the top of the program. An ```output block after it has
# its output, where "…" matches anything. Compilers report errors by page and line. A comment in the line above a block
# changes that:
#
#   <!-- snippet: continues -->   continues the block before it
#   <!-- snippet: compiled -->    is compiled and not run, because a test lacks what it needs
#   <!-- snippet: needs NAME -->  is left out if NAME is not in `found`: the libraries of the machine
#   <!-- snippet: declares -->    is the body of a namespace, for definitions that a function cannot have
#   <!-- snippet: file NAME -->   is a file of a page that is tested as a whole, see run_page.sh

function fail(why) {
    print FILENAME ":" FNR ": " why > "/dev/stderr"
    failed = 1
    exit 1
}

function close_block() {
    body = body (state == "function" ? "}\n}\n" : state == "namespace" ? "}\n" : "")
    state = ""
}

# Opens a function in the current namespace.
function open_function(is_run) {
    body = body "void run([[maybe_unused]] dataset const& data, [[maybe_unused]] dataset const& test) {\n"
    state = "function"
    ++blocks
    place[blocks] = FILENAME ":" FNR
    call[blocks] = is_run ? "snippet_" count "::run" : "nullptr"
    last = is_run ? blocks : 0
}

function open_block() {
    if (mode == "continues" && state == "") {
        fail("there is no block to go on with")
    }
    if (mode != "continues") {
        close_block()
        ++count
        body = body "namespace snippet_" count " {\nusing namespace memo_docs;\n"
        state = "namespace"
        last = 0
    }
    if (mode != "declares" && state == "namespace") {
        open_function(mode != "compiled")
    }
    body = body "#line " FNR + 1 " \"" FILENAME "\"\n"
}

FNR == 1 {
    if (inside != "") {
        fail("the page before ends within a block")
    }
    close_block()
    mode = ""
    last = 0
}

inside != "" && /^```/ {
    inside = ""
    mode = ""
    next
}

inside != "" && (mode == "file" || mode == "left out") { next }

inside == "cpp" {
    if ($0 ~ /^#include/) {
        if (!($2 in included)) {
            included[$2] = 1
            includes = includes $0 "\n"
        }
        body = body "\n" # keeps the numbers of the lines
    } else {
        body = body $0 "\n"
    }
    next
}

inside == "output" {
    expected[last] = expected[last] $0 "\n"
    next
}

inside != "" { next }

/^<!-- snippet: / {
    mode = $3
    if (mode == "needs") {
        mode = index(" " found " ", " " $4 " ") ? "" : "left out"
        next
    }
    if (mode != "continues" && mode != "compiled" && mode != "declares" && mode != "file") {
        fail("no snippet is " mode)
    }
    next
}

/^```/ {
    inside = substr($0, 4)
    if (inside == "") {
        inside = "text"
    }
    if (inside ~ /^(c|C|c\+\+|C\+\+|cc)$/) {
        fail("write ```cpp")
    }
    if (mode == "file") {
        next
    }
    if (mode == "left out") {
        last = mode # what it prints belongs to no block
        next
    }
    if (inside == "cpp") {
        open_block()
    } else if (inside == "output" && !last) {
        fail("there is no block that is run before this output")
    }
    next
}

/[^ ]/ { mode = "" }

END {
    if (failed) {
        exit 1
    }
    close_block()
    print "// Made from the pages by snippets.awk."
    printf "%s", includes
    print "#include \"docs/snippets.hpp\""
    printf "%s", body
    print "int main(int argc, char** argv) {\nreturn memo_docs::run_page({"
    for (i = 1; i <= blocks; ++i) {
        printf "{\"%s\", %s, R\"~~~(%s)~~~\"},\n", place[i], call[i], expected[i]
    }
    print "}, argc, argv);\n}"
}
