# SPDX-License-Identifier: BSL-1.0
# Builds a consumer against the package, with headers alone and with the library, and runs both.

import os

from conan import ConanFile
from conan.tools.build import can_run
from conan.tools.cmake import CMake, cmake_layout


class MemoTest(ConanFile):
    settings = "os", "arch", "compiler", "build_type"
    generators = "CMakeDeps", "CMakeToolchain"

    def requirements(self):
        self.requires(self.tested_reference_str)

    def layout(self):
        cmake_layout(self)

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def test(self):
        if can_run(self):
            for library in ("memo", "compiled"):
                self.run(os.path.join(self.cpp.build.bindir, "consumer_" + library), env="conanrun")
