#!/usr/bin/env python3
"""Draws which rooms of a crate use which, and fails if rooms use each other in a circle.

A room is a first-level module below a root: `api/src` has `auth`, `routes` and so on. What the root's own file defines
(`lib.rs`; `ledger.rs` for `common/src/ledger`) is in the room `.`. A room uses another if a path in it ends there:
`crate::`, `super::`, `self::`, or a name that a `use` brought. `pub use` is followed to where the name is defined. Items
under `#[cfg(test)]` do not count. Circles of files are allowed; `--files` names them.

  tests/rooms.py [--files] [ROOT …]     checks these roots, or those in CHECKED
"""
import re
import sys
from pathlib import Path

# Roots whose rooms have no circles. Add a root here as soon as it has none.
CHECKED = ["api/src", "cli/src", "common/src", "common/src/ledger", "edge/src", "worker/src"]

# Comments, strings and characters. A lifetime is no character.
SILENT = re.compile(r'//[^\n]*|/\*.*?\*/|\bb?r(#*)".*?"\1|"(?:[^"\\]|\\.)*"|\'(?:[^\'\\\n]|\\.[^\'\n]*)\'', re.S)
TEST = re.compile(r"#\[cfg\((?:all\()?test\b.*?\)\]")
MODULE = re.compile(r"\bmod\s+(\w+)\s*;")
USE = re.compile(r"^[ \t]*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);", re.M)
PATH = re.compile(r"(?<![\w:.])(\w+(?:::\w+)+)")
DEFINED = re.compile(r"\b(?:fn|struct|enum|trait|type|const|static|union|macro_rules!)\s+(\w+)")


def live(text):
    """Returns the code that is compiled outside tests."""
    text = SILENT.sub(" ", text)
    while found := TEST.search(text):
        depth, end = 0, found.end()
        while end < len(text):
            mark, end = text[end], end + 1
            depth += (mark in "([{") - (mark in ")]}")
            if depth == 0 and mark in ";}":
                break
        text = text[: found.start()] + text[end:]
    return text


def leaves(tree):
    """Yields the path and the new name of all that one `use` brings."""
    before, path, name = [()], (), None
    for token in re.findall(r"\bas\s+\w+|\w+|[*{},]", tree + ","):
        if token == "{":
            before.append(path)
        elif token in "},":
            if path != before[-1]:
                path = path[:-1] if path[-1] == "self" and path[1:] else path
                yield path, name or path[-1]
            if token == "}":
                before.pop()
            path, name = before[-1], None
        elif token.startswith("as "):
            name = token.split()[1]
        else:
            path = (*path, token)


class Crate:
    def __init__(self, src):
        self.text, self.lines, self.used, self.defined = {}, {}, {}, {}
        self.read((), next(src / name for name in ("lib.rs", "main.rs") if (src / name).exists()), src)

    def read(self, module, file, below):
        whole = file.read_text()
        self.lines[module], self.text[module] = whole.count("\n"), (text := live(whole))
        self.used[module] = [leaf for found in USE.finditer(text) for leaf in leaves(found[2])]
        self.defined[module] = set(DEFINED.findall(text))
        for name in MODULE.findall(text):
            beside, inside = below / f"{name}.rs", below / name
            self.read((*module, name), beside if beside.exists() else inside / "mod.rs", inside)

    def end(self, module, path, seen):
        """Returns the module where a path ends that is written in `module`; None: in another crate."""
        starts = {"crate": (), "self": module, "super": module[:-1]}
        here = starts[path[0]] if path[0] in starts else self.step(module, path[0], seen)
        for name in path[1:] if here is not None else ():
            found = here[:-1] if name == "super" else self.step(here, name, seen)
            if found is None:
                break
            here = found
        return here

    def step(self, module, name, seen):
        """Returns the module that `name` stands for in `module`, or in which it is defined."""
        if (*module, name) in self.text:
            return (*module, name)
        if (module, name) in seen:
            return None
        seen = seen | {(module, name)}
        if name in self.defined[module]:
            return module
        for path, alias in self.used[module]:
            if alias == name != "*":
                return self.end(module, path, seen)
        globs = (self.end(module, path[:-1], seen) for path, alias in self.used[module] if alias == "*" and path[1:])
        found = (self.step(glob, name, seen) for glob in globs if glob is not None)
        return next((module for module in found if module is not None), None)

    def graph(self):
        graph = {}
        for module, text in self.text.items():
            # A parent that hands on a child's name does not use it.
            paths = [path for found in USE.finditer(text) if not found[1] for path, _ in leaves(found[2])]
            paths += [tuple(path.split("::")) for path in PATH.findall(USE.sub("", text))]
            graph[module] = {self.end(module, path, frozenset()) for path in paths} - {None, module}
        return graph


def circles(graph):
    """Returns the sets of nodes that reach each other, the largest first."""
    reached = {node: set() for node in graph}
    for node, seen in reached.items():
        left = [node]
        while left:
            new = graph[left.pop()] - seen
            seen |= new
            left += new
    found = {frozenset(other for other in seen if node in reached[other]) for node, seen in reached.items()}
    return sorted((circle for circle in found if len(circle) > 1), key=len, reverse=True)


def check(root, name_files):
    at = root.parts.index("src") + 1
    crate, prefix = Crate(Path(*root.parts[:at])), root.parts[at:]
    files = {module: uses for module, uses in crate.graph().items() if module[: len(prefix)] == prefix}
    files = {module: uses & files.keys() for module, uses in files.items()}
    room = {module: (*module[len(prefix) :], ".")[0] for module in files}
    rooms = {name: {room[use] for file in files if room[file] == name for use in files[file]} - {name} for name in room.values()}
    print(f"{root}: {len(rooms)} rooms, {len(files)} files, {sum(crate.lines[module] for module in files)} lines")
    for name in sorted(rooms):
        inside = [module for module in files if room[module] == name]
        size = f"{len(inside):4} files {sum(crate.lines[module] for module in inside):6} lines"
        print(f"  {name:<14}{size}  uses {' '.join(sorted(rooms[name])) or '-'}")
    print(f"  circles of files: {', '.join(str(len(circle)) for circle in circles(files)) or 'none'}")
    for circle in circles(files) if name_files else []:
        print("   ", " ".join(sorted("::".join(module) or "." for module in circle)))
    for circle in circles(rooms):
        print(f"  a circle of rooms: {' '.join(sorted(circle))}")
        for file, use in sorted((file, use) for file in files for use in files[file]):
            if room[file] != room[use] and {room[file], room[use]} <= circle:
                print(f"    {'::'.join(file) or '.'} uses {'::'.join(use) or '.'}")
    return not circles(rooms)


if __name__ == "__main__":
    given = [arg for arg in sys.argv[1:] if arg != "--files"]
    sys.exit(not all([check(Path(root), "--files" in sys.argv) for root in given or CHECKED]))
