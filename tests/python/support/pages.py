"""Pages of the documentation: their snippets, and the comparison of what commands print with what a page shows."""

import re


def snippets(page):
    """Returns the language and the text of each fenced block."""
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.MULTILINE | re.DOTALL)
    assert page.read_text().count("```") == 2 * len(blocks), f"{page}: a block is not read"
    return blocks


def commands(block):
    """Returns the commands of a console, each with the text that it is to print."""
    found, lines = [], block.splitlines()
    while lines:
        command = lines.pop(0)
        assert command.startswith("$ "), command
        command = command.removeprefix("$ ")
        # A command goes on until its quotes are closed.
        while command.endswith("\\") or command.replace("\\'", "").count("'") % 2:
            command += "\n" + lines.pop(0)
        shown = []
        while lines and not lines[0].startswith("$ "):
            shown.append(lines.pop(0))
        found.append((command, "\n".join(shown)))
    return found


def compare(command, shown, printed):
    """Fails unless a command printed the text that a page shows. An ellipsis stands for any text, also of several lines."""
    pattern = ".*?".join(re.escape(part) for part in shown.strip().split("…"))
    assert re.fullmatch(pattern, printed.strip(), re.DOTALL), f"$ {command}\nprinted\n{printed}\nand not\n{shown}"


def is_up(command):
    """Returns whether a command starts `lethe up`, which does not end."""
    return re.search(r"(\blethe|--) up( --demo)?\s*(#|$)", command) is not None


def is_demo(command):
    """Returns whether a command starts `lethe up` with the memories of the demonstration."""
    return is_up(command) and " up --demo" in command
