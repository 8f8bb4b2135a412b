"""Run the notebooks anew and keep their outputs: `python notebooks/execute.py`.

What changes from run to run (execution times, ids, versions) is left out, so that a diff shows what changed in earnest.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


def execute(path: Path) -> Any:
    """The notebook with fresh outputs, run by this Python in an empty folder."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        NotebookClient(
            notebook, timeout=600, startup_timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}},
        ).execute()
    return clean(notebook)


def clean(notebook: Any) -> Any:
    """The notebook without what is of this machine or this moment."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    for number, cell in enumerate(notebook.cells, 1):
        cell.id, cell.metadata = f"cell-{number:02}", {}
        for output in cell.get("outputs", []):
            output.pop("metadata", None)
            if output.output_type in {"display_data", "execute_result"}:
                output.metadata = {}
    return notebook


def main() -> None:
    """Run those named on the command line, else all."""
    import nbformat

    for path in map(Path, sys.argv[1:] or sorted(HERE.glob("*.ipynb"))):
        nbformat.write(execute(path), path)
        print(f"ran {path.name}")


if __name__ == "__main__":
    main()
