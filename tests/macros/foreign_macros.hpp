// SPDX-License-Identifier: BSL-1.0
#pragma once

// Names that are macros where memo may be included. Each expands to a character that is part of no
// program: a header that uses one as a name of its own does not compile. Macros that take arguments are
// names like others where no parenthesis follows: `index` may be a member, but not a function.
//
// Not here are macros that memo uses as what they are (errno, NULL, MAP_FAILED, SIGPIPE), and members of
// structures (st_mtime): their headers are in foreign_headers.hpp, and what memo would name like them does
// not compile behind those. Nor are those that libstdc++ undefines (isnan).

// clang-format off

// Qt, unless QT_NO_KEYWORDS is defined
#undef slots
#define slots @
#undef signals
#define signals @
#undef emit
#define emit @
#undef foreach
#define foreach(variable, container) @
#undef forever
#define forever @

// <complex.h>, <stdnoreturn.h>, <threads.h>, <stddef.h> and <assert.h> of C
#undef I
#define I @
#undef complex
#define complex @
#undef imaginary
#define imaginary @
#undef offsetof
#define offsetof(type, member) @
#undef unreachable
#define unreachable() @
#undef assert
#define assert(condition) @
#undef setjmp
#define setjmp(place) @

// <math.h> of C
#undef INFINITY
#define INFINITY @
#undef NAN
#define NAN @
#undef HUGE_VAL
#define HUGE_VAL @
#undef OVERFLOW
#define OVERFLOW @
#undef UNDERFLOW
#define UNDERFLOW @
#undef DOMAIN
#define DOMAIN @
#undef SING
#define SING @
#undef PLOSS
#define PLOSS @
#undef TLOSS
#define TLOSS @

// <sys/sysmacros.h>, <sys/param.h>, <strings.h> and <string.h> of older systems, <libgen.h>, <alloca.h>
#undef major
#define major(device) @
#undef minor
#define minor(device) @
#undef makedev
#define makedev(major, minor) @
#undef howmany
#define howmany(x, y) @
#undef roundup
#define roundup(x, y) @
#undef powerof2
#define powerof2(x) @
#undef setbit
#define setbit(a, i) @
#undef clrbit
#define clrbit(a, i) @
#undef isset
#define isset(a, i) @
#undef isclr
#define isclr(a, i) @
#undef bcopy
#define bcopy(from, to, size) @
#undef bcmp
#define bcmp(one, other, size) @
#undef bzero
#define bzero(to, size) @
#undef rindex
#define rindex(text, character) @
#undef basename
#define basename @
#undef alloca
#define alloca(size) @
#undef strdupa
#define strdupa(text) @

// The compilers, with extensions
#undef linux
#define linux @
#undef unix
#define unix @
#undef i386
#define i386 @
#undef sun
#define sun @
#undef mips
#define mips @
#undef arm
#define arm @
#undef vax
#define vax @

// Members of the structures of POSIX that are macros in Linux: <sys/stat.h>, <signal.h>, <netinet/in.h>,
// <netdb.h>, <net/if.h>, <dirent.h>
#undef st_atime
#define st_atime @
#undef st_mtime
#define st_mtime @
#undef st_ctime
#define st_ctime @
#undef sa_handler
#define sa_handler @
#undef sa_sigaction
#define sa_sigaction @
#undef si_pid
#define si_pid @
#undef si_uid
#define si_uid @
#undef si_status
#define si_status @
#undef si_value
#define si_value @
#undef si_int
#define si_int @
#undef si_ptr
#define si_ptr @
#undef si_addr
#define si_addr @
#undef si_band
#define si_band @
#undef si_fd
#define si_fd @
#undef sigev_notify_function
#define sigev_notify_function @
#undef s6_addr
#define s6_addr @
#undef s6_addr16
#define s6_addr16 @
#undef s6_addr32
#define s6_addr32 @
#undef h_addr
#define h_addr @
#undef ifr_name
#define ifr_name @
#undef d_fileno
#define d_fileno @

// Windows: <windows.h> with what it includes
#undef min
#define min(one, other) @
#undef max
#define max(one, other) @
#undef small
#define small @
#undef near
#define near @
#undef far
#define far @
#undef NEAR
#define NEAR @
#undef FAR
#define FAR @
#undef hyper
#define hyper @
#undef pascal
#define pascal @
#undef cdecl
#define cdecl @
#undef interface
#define interface @
#undef environ
#define environ @
#undef ABSOLUTE
#define ABSOLUTE @
#undef RELATIVE
#define RELATIVE @
#undef BOOL
#define BOOL @
#undef CALLBACK
#define CALLBACK @
#undef CONST
#define CONST @
#undef DELETE
#define DELETE @
#undef DIFFERENCE
#define DIFFERENCE @
#undef ERROR
#define ERROR @
#undef FALSE
#define FALSE @
#undef IGNORE
#define IGNORE @
#undef IN
#define IN @
#undef INFINITE
#define INFINITE @
#undef NO_ERROR
#define NO_ERROR @
#undef OPAQUE
#define OPAQUE @
#undef OPTIONAL
#define OPTIONAL @
#undef OUT
#define OUT @
#undef PURE
#define PURE @
#undef STRICT
#define STRICT @
#undef THIS
#define THIS @
#undef TRANSPARENT
#define TRANSPARENT @
#undef TRUE
#define TRUE @
#undef VOID
#define VOID @
#undef CreateFile
#define CreateFile @
#undef DeleteFile
#define DeleteFile @
#undef CopyFile
#define CopyFile @
#undef GetMessage
#define GetMessage @
#undef GetObject
#define GetObject @
#undef Yield
#define Yield() @

// X11
#undef Above
#define Above @
#undef Always
#define Always @
#undef Bool
#define Bool @
#undef Below
#define Below @
#undef Complex
#define Complex @
#undef Convex
#define Convex @
#undef CursorShape
#define CursorShape @
#undef DestroyAll
#define DestroyAll @
#undef Expose
#define Expose @
#undef False
#define False @
#undef FocusIn
#define FocusIn @
#undef FocusOut
#define FocusOut @
#undef FontChange
#define FontChange @
#undef GrayScale
#define GrayScale @
#undef KeyPress
#define KeyPress @
#undef KeyRelease
#define KeyRelease @
#undef None
#define None @
#undef Opposite
#define Opposite @
#undef Status
#define Status @
#undef Success
#define Success @
#undef True
#define True @
#undef Unsorted
#define Unsorted @

// clang-format on
