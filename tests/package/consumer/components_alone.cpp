// SPDX-License-Identifier: BSL-1.0
// The program of components whose sources need but compile and link. Exits 0 when the disk, if it is one of them, remembers.

#ifdef CONSUMER_DISK
#include <string>

bool remembers_on_disk(std::string const& directory); // in disk.cpp
#endif

int main() {
#ifdef CONSUMER_DISK
    return remembers_on_disk("consumer-cache") ? 0 : 1;
#else
    return 0;
#endif
}
