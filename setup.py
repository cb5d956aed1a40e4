"""The one part that needs a compiler, and may be missing: the core of links in C. Else: pyproject.toml."""

import runpy
import sys

from setuptools import Extension, setup

FOLDER = "topology/emulation/links/compiled"
described = runpy.run_path(f"{FOLDER}/digest.py")
core = Extension(
    "topology.emulation.links._core",
    [f"{FOLDER}/{name}.c" for name in described["SOURCES"]],
    depends=[f"{FOLDER}/{name}.h" for name in described["SOURCES"]],
    define_macros=[("CORE_SOURCES", f'"{described["digest"]()}"')],
    # Without fused operations it draws what Python draws, to the last bit.
    extra_compile_args=["-std=gnu11", "-O2", "-Wall", "-Wextra", "-ffp-contract=off"],
    libraries=["m"],
    optional=True,  # no compiler: the core in Python does the same, slower
)
setup(ext_modules=[core] if sys.platform == "linux" else [])
