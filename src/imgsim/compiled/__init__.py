"""Parts of imgsim in C, which are compiled when it is installed (see ``hatch_build.py``).

A machine without a compiler has none of them. Whoever uses one has the same in Python, gives the
same with either, and asks for it by name: ``from imgsim.compiled import _alike`` may fail.
"""
