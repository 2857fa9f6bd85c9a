"""What the shells of Windows make of a line that is typed: models of their documented rules.

Each gives the words that the program gets. What the shell would do besides starting that one
program with the words as they stand, such as look for a variable, raises Misread.
"""

import re

SINGLE, DOUBLE = "'‘’‚‛", '"“”„'  # PowerShell takes the curly ones for quotes, too


class Misread(Exception):
    pass


def cmd(line):
    """cmd looks for variables and operators, and hands on the line, quotes and all."""
    if re.search("%.+%", line):
        raise Misread("a variable: quotes do not help")
    bare = re.sub('"[^"]*("|$)', "", line)
    if found := re.search(r"[&|<>()^\n]", bare):
        raise Misread(f"{found[0]} outside quotes")
    if not line.startswith('"') and re.match(r"[^\s,;=]*[/,;=]", line):
        raise Misread("a program's name ends at / and , and ; and =")
    return argv(line)


def powershell(line):
    """PowerShell, 5 or 7, makes words of the line, and of them one for the program."""
    rest = line.removeprefix("& ")
    if rest == line and rest[0] in SINGLE + DOUBLE:
        raise Misread("a text, to be printed")
    words = []
    while rest:
        if rest[0] in "@#<>" or re.match(r"--%|[-–—―]\S*[.:]", rest):
            raise Misread(f"{rest[0]} begins something else than a word")
        word, rest = _powershell_word(rest)
        words.append(word)
        if rest and not rest[0].isspace():
            raise Misread("behind the quote that ends a word, another word begins")
        rest = rest.lstrip()
    return argv(" ".join(f'"{word}"' if re.search(r"\s", word) else word for word in words))


def _powershell_word(text):
    """(the first word, what is left)"""
    if text[0] in SINGLE + DOUBLE:
        return _powershell_quoted(text)
    word = ""
    while text and not text[0].isspace():
        if text[0] in SINGLE + DOUBLE:
            part, text = _powershell_quoted(text)
            word += part
        elif text[0] in "&|;(){},$`":
            raise Misread(f"{text[0]} outside quotes")
        else:
            word, text = word + text[0], text[1:]
    return word, text


def _powershell_quoted(text):
    """(what stands in the quotes that a text begins with, what is left)"""
    quotes = SINGLE if text[0] in SINGLE else DOUBLE
    # two are one
    match = re.match(f"[{quotes}]((?:[^{quotes}]|[{quotes}]{{2}})*)[{quotes}]", text)
    if not match:
        raise Misread("a quote without its other one")
    if quotes == DOUBLE and re.search(r"`|\$[\w?^$:{(]", match[1]):
        raise Misread("` or a variable in double quotes")
    return re.sub(f"[{quotes}]([{quotes}])", r"\1", match[1]), text[match.end() :]


def argv(line):
    r"""Microsoft's C library, which starts Python, splits a line: 2n \ before " are n of them.

    With one more the " is meant as it stands. In the first word, the program, \ is always a \.
    """
    program = re.match(r'(?:"[^"]*"|[^\s"])*', line)[0]
    words, word, quoted = [program.replace('"', "")], None, False
    for slashes, c in re.findall(r"(\\*)([^\\]|$)", line[len(program) :]):
        if c == '"':
            word = (word or "") + "\\" * (len(slashes) // 2)
            if len(slashes) % 2:
                word += c
            else:
                quoted = not quoted
            continue
        if slashes:
            word = (word or "") + slashes
        if c not in (" ", "\t", "") or quoted:
            word = (word or "") + c
        elif word is not None:
            words.append(word)
            word = None
    return words
