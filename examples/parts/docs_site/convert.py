"""HTML from Markdown and from notebooks: code in colours, formulas as MathML, folded answers."""

import functools
import html
import re

import nbformat
from math_core import LatexToMathML
from nbconvert import HTMLExporter
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer
from pygments.style import Style
from pygments.styles import get_style_by_name
from pygments.token import Comment, Keyword, Number, Operator, String

NO_ALT = 'alt="No description has been provided for this image"'
FORMULA = re.compile(
    r"(?P<code><(?P<tag>pre|code)\b.*?</(?P=tag)>)|\$\$(?P<display>.+?)\$\$|\$(?P<inline>[^$]+)\$"
    r"(?P<after>[.,;:!?)]*)",
    re.DOTALL,
)


class Day(Style):
    """Colours of code on a light ground. Pygments' own are too pale, or set red beside green."""

    styles = {
        Comment: "italic #57606a",
        Keyword: "bold #a03c00",
        Operator.Word: "bold #a03c00",
        Number: "#7a3e8e",
        String: "#0a5c8f",
        String.Doc: "#444c56",
    }


Night = get_style_by_name("github-dark")


def of_markdown(text):
    return of_cells([nbformat.v4.new_markdown_cell(text)])


def of_python(text):
    return highlight(text, PythonLexer(), HtmlFormatter())


def of_notebook(notebook):
    """A notebook that has run; what its author folded, such as answers, is folded."""
    parts = []
    for title, cells in folded(notebook.cells):
        body = of_cells(cells)
        if title is not None:
            body = f"<details>\n<summary>{html.escape(title)}</summary>\n{body}\n</details>"
        parts.append(body)
    return "\n".join(parts)


def folded(cells):
    """[(title, cells)]; the title of cells that are to be folded, or None.

    Folded is what follows a heading that JupyterLab shows folded, or begins with "**Answer 1.**",
    up to the next heading or question.
    """
    parts = [(None, [])]
    for cell in cells:
        text = cell.source if cell.cell_type == "markdown" else ""
        answer = re.match(r"\*\*(Answer \d+)\.\*\*\s*", text)
        if cell.metadata.get("jp-MarkdownHeadingCollapsed"):
            heading, _, text = text.partition("\n")
            parts.append((heading.lstrip("# "), []))
        elif answer:
            text = text[answer.end() :]
            parts.append((answer[1], []))
        elif text.startswith(("#", "**Question")) and parts[-1][0] is not None:
            parts.append((None, []))
        if cell.cell_type == "markdown":
            cell = nbformat.v4.new_markdown_cell(text)
        parts[-1][1].append(cell)
    return parts


def of_cells(cells):
    body, _ = exporter().from_notebook_node(nbformat.v4.new_notebook(cells=cells))
    body = body.replace(NO_ALT, 'alt="The picture that the code above draws"')
    body = body.replace("<table", '<div class="wide"><table').replace("</table>", "</table></div>")
    return formulas(body)


@functools.cache
def exporter():
    return HTMLExporter(
        template_name="basic",
        exclude_anchor_links=True,
        exclude_input_prompt=True,
        exclude_output_prompt=True,
    )


def formulas(body):
    """$…$ and $$…$$ of an HTML text as MathML, and code as it was.

    Not before nbconvert, which knows TeX and leaves it alone: Markdown would take a * or a | of
    MathML for its own.
    """

    def replace(match):
        if match["code"]:
            return match["code"]
        display = match["display"] is not None
        math = mathml(html.unescape(match["display"] or match["inline"]), display)
        if display:
            return f'<span class="formula">{math}</span>'
        after = match["after"]  # stays in the formula's line
        return f'<span class="keep">{math}{after}</span>' if after else math

    return FORMULA.sub(replace, body)


def mathml(tex, display=False):
    math = converter().convert_with_local_state(tex, displaystyle=display)
    # <menclose> is no longer in MathML; Chromium draws no box for it, but the border of an <mrow>
    math = math.replace('<menclose notation="box">', '<mrow class="box">')
    return math.replace("</menclose>", "</mrow>")


@functools.cache
def converter():  # its methods change their names before 1.0: setup.cfg asks for one version
    return LatexToMathML(fancy_error=False)


def colours():
    """CSS for code in colours, by day and by night."""
    light, dark = (
        HtmlFormatter(style=style, nobackground=True).get_style_defs(".highlight")
        for style in (Day, Night)
    )
    return f"{light}\n@media (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
