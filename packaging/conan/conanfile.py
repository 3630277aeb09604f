# SPDX-License-Identifier: BSL-1.0
# Conan 2: conan create packaging/conan --build=missing

import os
import re

from conan import ConanFile
from conan.errors import ConanInvalidConfiguration
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load, rmdir

required_conan_version = ">=2.0"


class Memo(ConanFile):
    name = "memo"
    description = "Remembers what expensive functions returned"
    license = "BSL-1.0"
    topics = ("memoization", "cache")
    package_type = "static-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"disk": [True, False], "eigen": [True, False]}
    default_options = {"disk": True, "eigen": False}
    no_copy_source = True

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._root, "include", "memo", "version.hpp"))
        self.version = ".".join(re.findall(r"#define MEMO_VERSION_\w+ (\d+)", text))

    def export_sources(self):
        for files in ("include/*", "src/*", "cmake/*", "docs/*", "CMakeLists.txt", "*.md", "LICENSE"):
            copy(self, files, self._root, self.export_sources_folder)

    def layout(self):
        cmake_layout(self, src_folder=".")

    def requirements(self):
        self.requires("cereal/[>=1.3.2 <2]")
        self.requires("xxhash/[>=0.8.1 <1]")
        if self.options.disk:
            self.requires("lmdb/[>=0.9.23 <1]")
        if self.options.eigen:
            self.requires("eigen/[>=3.4.0 <4]")

    def validate(self):
        check_min_cppstd(self, 20)
        if self.settings.os != "Linux":
            raise ConanInvalidConfiguration("memo is for Linux")

    def generate(self):
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "EXAMPLES", "BENCHMARKS"):
            toolchain.cache_variables["MEMO_BUILD_" + part] = False
        # No memo-cache, which needs it.
        toolchain.cache_variables["CMAKE_DISABLE_FIND_PACKAGE_CLI11"] = True
        # The library of the disk backend is built by the option, not where LMDB happens to be.
        toolchain.cache_variables["CMAKE_DISABLE_FIND_PACKAGE_lmdb"] = not self.options.disk
        toolchain.generate()
        CMakeDeps(self).generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        CMake(self).install()
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        rmdir(self, os.path.join(self.package_folder, "lib", "cmake"))
        rmdir(self, os.path.join(self.package_folder, "lib", "pkgconfig"))
        rmdir(self, os.path.join(self.package_folder, "share"))

    def package_info(self):
        self.cpp_info.set_property("cmake_file_name", "memo")

        core = self._component("core", "memo", ["cereal::cereal", "xxhash::xxhash"])
        # cereal keeps its class versions in a map that is locked only when this is 1.
        core.defines = ["CEREAL_THREAD_SAFE=1"]
        core.system_libs = ["pthread"]
        # The build-id names the code of a function that has no name and version of its own.
        core.exelinkflags = ["-Wl,--build-id"]
        core.sharedlinkflags = ["-Wl,--build-id"]

        self._component("memcached", "memo-memcached", ["core"])
        self._compiled("compiled", "memo", "MEMO_COMPILED", ["core"])
        self._compiled("compiled_memcached", "memo-memcached", "MEMO_COMPILED_MEMCACHED", ["memcached", "compiled"])
        if self.options.disk:
            self._component("disk", "memo-disk", ["core", "lmdb::lmdb"])
            self._compiled("compiled_disk", "memo-disk", "MEMO_COMPILED_DISK", ["disk", "compiled"])
        if self.options.eigen:
            self._component("eigen", "memo-eigen", ["core", "eigen::eigen"])

    # The library with what depends on no type of the user.
    def _compiled(self, name, pkg_config, definition, requires):
        component = self._component(name, pkg_config + "-compiled", requires)
        component.defines = [definition + "=1"]
        component.libs = [pkg_config.replace("-", "_")]
        component.libdirs = ["lib"]

    def _component(self, name, pkg_config, requires):
        component = self.cpp_info.components[name]
        component.set_property("cmake_target_name", "memo::" + ("memo" if name == "core" else name))
        component.set_property("pkg_config_name", pkg_config)
        component.requires = requires
        component.bindirs = []
        component.libdirs = []
        return component
