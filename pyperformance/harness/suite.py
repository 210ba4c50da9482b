"""The programs: fetched from PyPI in pinned versions, kept in a folder, described."""
import dataclasses
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tomllib
import zipfile

WHEELS = {
    "pyperformance": ("1.14.0", "pyperformance-1.14.0-py3-none-any.whl", "94068ac2935b6952ccb5e8a302eb9cebc26e82454494bef6e53822738adf0049"),
    "pyperf": ("2.10.0", "pyperf-2.10.0-py3-none-any.whl", "79196bc4a11e3c926dd4c6b14c80136c6b37f884fe913cbc57037f37636e9841"),
}

# What some programs want besides their requirements, as folders of their own: put in the path, where they would call pip.
VENDORED = {"2to3": "vendor/src"}

# Programs that use a port of their own choice: two at once would be in each other's way.
ALONE = {"asyncio_tcp", "asyncio_tcp_ssl", "asyncio_websockets"}


class Unavailable(Exception):
    """Something is not here and could not be fetched."""


@dataclasses.dataclass(frozen=True)
class Program:
    """One entry of the suite; a program can have several benchmarks."""

    name: str
    script: pathlib.Path
    options: tuple
    tags: tuple

    @property
    def folder(self):
        return self.script.parent

    @property
    def requirements(self):
        file = self.folder / "requirements.txt"
        return file if file.exists() and file.read_text().strip() else None


def build_folder():
    """Where cargo puts what it makes; so does this."""
    root = pathlib.Path(__file__).resolve().parents[2]
    return pathlib.Path(os.environ.get("CARGO_TARGET_DIR", root / "target")).absolute()


def cache_folder():
    return pathlib.Path(os.environ.get("PYRS_BENCH_CACHE", build_folder() / "pyperformance/cache")).absolute()


def pip():
    """The command of a pip: of the running interpreter, or of another Python."""
    for python in (sys.executable, "python3", "python3.14"):
        if python and shutil.which(python):
            command = [python, "-m", "pip", "--disable-pip-version-check"]
            if subprocess.run([*command, "--version"], capture_output=True).returncode == 0:
                return command
    raise Unavailable("no Python with pip was found; install one (Debian: python3-pip)")


def fetch():
    """The folder with `benchmarks`, and the one to import pyperf from."""
    cache = cache_folder()
    for project, (version, file, digest) in WHEELS.items():
        unpacked = cache / f"{project}-{version}"
        if not unpacked.exists():
            wheel = cache / "wheels" / file
            if not wheel.exists():
                download(project, version, wheel)
            if hashlib.sha256(wheel.read_bytes()).hexdigest() != digest:
                raise Unavailable(f"{wheel} is not what it should be; remove it and try again")
            unpack(wheel, unpacked)
    benchmarks = cache / f"pyperformance-{WHEELS['pyperformance'][0]}/pyperformance/data-files/benchmarks"
    return benchmarks, cache / f"pyperf-{WHEELS['pyperf'][0]}"


def download(project, version, wheel):
    wheel.parent.mkdir(parents=True, exist_ok=True)
    command = [*pip(), "-q", "download", "--no-deps", "--only-binary=:all:", "-d", wheel.parent, f"{project}=={version}"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0 or not wheel.exists():
        raise Unavailable(
            f"{project} {version} could not be downloaded:\n{done.stderr.strip()}\n"
            f"Without a network: run `pip download --no-deps {project}=={version}` elsewhere and put {wheel.name} "
            f"into {wheel.parent}")


def unpack(wheel, folder):
    """Unpacks beside the target first: what is there is complete."""
    part = folder.with_name(f"{folder.name}.{os.getpid()}")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(part)
    part.rename(folder)


def programs(benchmarks):
    """All programs: those of the manifest, and the folders that it says nothing about."""
    listed = (benchmarks / "MANIFEST").read_text()
    found, mentioned = [], set()
    for line in listed.partition("[benchmarks]")[2].partition("[group")[0].splitlines():
        name, _, place = line.partition("\t")
        mentioned.add(name.lstrip("#"))
        if place.startswith("<local") and not name.startswith("#"):
            base = place.strip("<>").removeprefix("local").removeprefix(":") or name
            found.append(describe(benchmarks / f"bm_{base}", name, base != name))
    for folder in sorted(benchmarks.glob("bm_*")):
        name = folder.name.removeprefix("bm_")
        if name not in mentioned:
            found.append(describe(folder, name, False))
    return sorted(found, key=lambda program: program.name)


def describe(folder, name, variant):
    """A program from its description; one of a variant completes the folder's."""
    table = tool_table(folder / "pyproject.toml")
    if variant:
        own = tool_table(folder / f"bm_{name}.toml")
        table = {"tags": table.get("tags", ""), **own}
    tags = table.get("tags", "")
    tags = tuple(tags.split()) if isinstance(tags, str) else tuple(tags)
    options = table.get("extra_opts", ())
    return Program(name, folder / "run_benchmark.py", tuple(options), tags)


def tool_table(file):
    return tomllib.loads(file.read_text())["tool"]["pyperformance"]


def select(found, patterns):
    """The programs that a pattern names: by name, part of a name (`*`), or tag."""
    from fnmatch import fnmatchcase

    if not patterns:
        return found
    chosen = []
    for pattern in patterns:
        some = [p for p in found if fnmatchcase(p.name, pattern) or pattern in p.tags]
        if not some:
            raise Unavailable(f"no program is called {pattern!r} and none has such a tag")
        chosen += some
    return [program for program in found if program in chosen]


def import_path(program, pyperf):
    """Where the program's imports come from, besides its own folder. Fetches what it requires."""
    path = [str(pyperf)]
    vendored = VENDORED.get(program.name)
    if vendored:
        path.append(str(program.folder / vendored))
    if program.requirements:
        path.append(str(required(program)))
    return path


def required(program):
    """The folder with what a program requires, the same pure Python files for all interpreters."""
    folder = cache_folder() / "requirements" / program.folder.name
    failed = folder.with_suffix(".failed")
    if failed.exists():
        raise Unavailable(failed.read_text())
    if not folder.exists():
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        try:
            install(program.requirements, part)
        except Unavailable as error:
            shutil.rmtree(part, ignore_errors=True)
            failed.write_text(str(error))
            raise
        part.rename(folder)
    return folder


def install(requirements, folder):
    """Installs wheels without machine code if there are such, else from source, without what was compiled."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    pure = ["--only-binary=:all:", "--platform=any", "--implementation=py", "--abi=none", "--python-version=3.14"]
    base = [*pip(), "-q", "install", "--target", folder]
    if subprocess.run([*base, *pure, "-r", requirements], capture_output=True).returncode != 0:
        shutil.rmtree(folder, ignore_errors=True)
        built = [*base, "--no-compile", "-r", requirements]
        done = subprocess.run(built, capture_output=True, text=True, timeout=300)
        if done.returncode != 0:
            reasons = [line for line in done.stderr.splitlines() if line.startswith("ERROR:")]
            raise Unavailable("requirements: " + (reasons or ["ERROR: pip failed"])[0].removeprefix("ERROR: "))
    for compiled in folder.rglob("*.so"):
        compiled.unlink()
