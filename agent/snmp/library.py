"""Where modules, profiles, vocabulary and health rules are: those that come with the program, and a site's own folders.

Files of a site with the same name replace ours, new ones are added. Loaded once; profiles are put together when needed.
Every problem is told with file, line and key; nothing wrong is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from agent.config import Problem, show
from agent.sheets.sheet import Sheet, SheetError
from agent.snmp import module_file
from agent.snmp.match import Facts, Identity, Matcher, match_troubles
from agent.snmp.module import Module
from agent.snmp.profile import Profile
from agent.snmp.profile_build import Key, Material, build
from agent.snmp.profile_file import ProfileFile
from agent.snmp.rules import Rule, RulesFile, troubles
from agent.snmp.vocabulary import Reading, VocabularyFile, name_trouble, reading_of

OURS: Final = "shipped/"
"""Before the name of a module: the one that comes with the program, whatever a site has under this name."""
T = TypeVar("T", bound=msgspec.Struct)


def shipped() -> Path:
    """The folder that comes with the program: inside the installed package, or `config/snmp` of a checkout."""
    here = Path(__file__).parent
    packed = here / "files"
    return packed if packed.is_dir() else here.parents[1] / "config" / "snmp"


class Library:
    """See the module; made by `load`."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = folders
        self._problems: list[Problem] = []
        self._module_files: dict[str, Path] = {}
        """Shipped modules by name, each alone in its file, which are read when they are needed."""
        self._modules: dict[str, Module] = {}
        self._replaced: frozenset[str] = frozenset()
        """Shipped modules in whose place a site has its own."""
        self._paths: dict[str, Path] = {}
        self._files: dict[str, ProfileFile] = {}
        self._profiles: dict[str, Profile] = {}
        self.vocabulary: dict[str, Reading] = {}
        self.rules: dict[str, Rule] = {}
        self._load_vocabulary()
        self._load_rules()
        self._load_modules()
        self._load_profiles()
        self.matcher = Matcher(() if self._problems else self._files.values())

    @classmethod
    def load(cls, folders: Sequence[Path | str] = ()) -> Library:
        """The shipped files and those of the site's folders, a later one before an earlier one. Raises `SheetError` with all
        problems of folders, vocabulary, rules, the files of profiles, and of the site's own modules and profiles altogether."""
        if gone := [folder for folder in folders if not Path(folder).is_dir()]:
            raise SheetError(
                [Problem(str(folder), 0, "", "no folder", "a folder with modules/, profiles/ or the like") for folder in gone]
            )
        library = cls([shipped(), *map(Path, folders)])
        if not library._problems:
            own = [name for name, path in library._paths.items() if path.parent.parent != library._folders[0]]
            library._problems += library.problems(own)
        if library._problems:
            raise SheetError(library._problems)
        return library

    @property
    def profile_names(self) -> frozenset[str]:
        """Names of all profiles, those that are only parts of others among them."""
        return frozenset(self._files)

    @property
    def module_names(self) -> frozenset[str]:
        """Names of all modules."""
        return frozenset(self._module_files) | frozenset([name for name in self._modules if not name.startswith(OURS)])

    @property
    def probe_oids(self) -> tuple[str, ...]:
        """OIDs whose answer `identify` needs to know of."""
        return self.matcher.probe_oids

    def identify(self, facts: Facts) -> Identity:
        """The profile that fits a device best, and why."""
        return self.matcher.identify(facts)

    def profile(self, name: str) -> Profile:
        """The profile. Raises `KeyError` for a name that there is not, `SheetError` for one that cannot be put together."""
        found = self._profiles.get(name)
        if found is None:
            problems: list[Problem] = []
            found = self._build(name, problems)
            if problems or found is None:
                raise SheetError(problems)
            self._profiles[name] = found
        return found

    def module(self, name: str) -> Module:
        """The module; `OURS` and a name is the shipped one, also where a site has its own. Raises `KeyError` for a name that
        there is not, `SheetError` for a broken file."""
        found = self._modules.get(name)
        if found is None and name.startswith(OURS):
            bare = name.removeprefix(OURS)
            found = self._modules[name] = module_file.load(self._module_files[bare]).modules[bare]
        elif found is None:
            file = module_file.load(self._module_files[name])
            self._modules.update({key: module for key, module in file.modules.items() if key not in self._modules})
            found = self._modules[name]
        return found

    def problems(self, profiles: Sequence[str] | None = None) -> list[Problem]:
        """What is wrong with profiles (all, if None), each put together."""
        problems: list[Problem] = []
        for name in self._files if profiles is None else profiles:
            self._build(name, problems)
        return list(dict.fromkeys(problems))

    def _load_vocabulary(self) -> None:
        for folder in self._folders:
            file = self._converted(folder / "readings.yml", VocabularyFile)
            if file is None:
                continue
            said = []
            for name, entry in file.readings.items():
                if expected := name_trouble(name, entry):
                    said.append((("readings", name), show(name), expected))
                self.vocabulary[name] = reading_of(name, entry)
            self._say(folder / "readings.yml", said)

    def _load_rules(self) -> None:
        for folder in self._folders:
            file = self._converted(folder / "health.yml", RulesFile)
            if file is None:
                continue
            said = []
            for name, rule in file.rules.items():
                said += [(("rules", name), found, expected) for found, expected in troubles(rule, self.vocabulary)]
                self.rules[name] = msgspec.structs.replace(rule, name=name)
            self._say(folder / "health.yml", said)

    def _say(self, path: Path, said: Sequence[tuple[Key, str, str]]) -> None:
        if said:
            self._problems += _problems_at(path, said)

    def _load_modules(self) -> None:
        self._module_files = {path.stem: path for path in _yaml_files(self._folders[0] / "modules")}
        own: dict[str, Module] = {}
        for folder in self._folders[1:]:
            try:
                own.update(module_file.load(*_yaml_files(folder / "modules")).modules)
            except SheetError as error:
                self._problems += error.problems
        self._modules.update(own)
        self._replaced = frozenset(own) & frozenset(self._module_files)

    def _load_profiles(self) -> None:
        for folder in self._folders:
            for path in _yaml_files(folder / "profiles"):
                file = self._converted(path, ProfileFile)
                if file is not None:
                    self._files[path.stem] = file
                    self._paths[path.stem] = path

    def _converted(self, path: Path, kind: type[T]) -> T | None:
        is_shipped = self._folders[0] in path.parents
        if not path.exists() and not is_shipped:
            return None
        found, problems = _kept(path, kind) if is_shipped else _read(path, kind)
        self._problems += problems
        return found  # type: ignore[no-any-return]  # what was read is of this kind

    def _build(self, name: str, problems: list[Problem]) -> Profile | None:
        if name not in self._files:
            raise KeyError(name)
        said: list[tuple[Key, str, str]] = []
        chain: dict[str, ProfileFile] = {}
        profile = None
        if self._collect(name, chain, (), said):
            troubles: list[Problem] = []
            profile = self._put_together(tuple(chain.values()), troubles, said)
            replaced = {each for part in chain.values() for each in part.modules if each in self._replaced}
            if (said or troubles) and replaced:
                return self._with_ours(name, chain, replaced, problems)
            problems += troubles
        if said:
            problems += _problems_at(self._paths[name], said)
        return profile

    def _with_ours(
        self, name: str, chain: dict[str, ProfileFile], replaced: set[str], problems: list[Problem]
    ) -> Profile | None:
        """The profile put together from our own modules where the site's, of the same name, lack what it reads: both are
        polled, the site's for their series. People bring whole files that were made for other programs."""
        said: list[tuple[Key, str, str]] = []
        parts = [
            msgspec.structs.replace(
                part, modules=tuple([f"{OURS}{each}" if each in replaced else each for each in part.modules])
            )
            for part in chain.values()
        ]
        profile = self._put_together(tuple(parts), problems, said)
        if said:
            problems += _problems_at(self._paths[name], said)
        if profile is None:
            return None
        return msgspec.structs.replace(profile, modules=(*sorted(replaced), *profile.modules))

    def _put_together(
        self, chain: tuple[ProfileFile, ...], problems: list[Problem], said: list[tuple[Key, str, str]]
    ) -> Profile | None:
        material = Material(chain, self._modules_of(chain, problems), self.vocabulary, self.rules)
        return build(material, lambda *what: said.append(what))

    def _modules_of(self, chain: tuple[ProfileFile, ...], problems: list[Problem]) -> dict[str, Module]:
        modules: dict[str, Module] = {}
        for module in dict.fromkeys(each for part in chain for each in part.modules):
            try:
                modules[module] = self.module(module)
            except KeyError:
                continue  # said by who puts the profile together, at its place
            except SheetError as error:
                problems += error.problems
        return modules

    def _collect(self, name: str, chain: dict[str, ProfileFile], above: tuple[str, ...], said: list[Any]) -> bool:
        """Put the bases of a profile into the chain, each once and before who is based on it, then the profile itself."""
        if name in above or name not in self._files:
            found = f"{' -> '.join((*above, name))}, a circle" if name in above else show(name)
            said.append((("base",), found, "the names of other profiles"))
            return False
        for base in self._files[name].base:
            if base not in chain and not self._collect(base, chain, (*above, name), said):
                return False
        chain[name] = self._files[name]
        return True


def _yaml_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.yml")) if folder.is_dir() else []


def _read(path: Path, kind: type[Any]) -> tuple[Any, tuple[Problem, ...]]:
    """What a file holds, None if nothing usable, and what is wrong with it."""
    sheet = Sheet(path)
    found = sheet.convert(kind)
    if isinstance(found, ProfileFile):
        _check_file(sheet, found, path.stem)
    return found, tuple(sheet.problems)


def _problems_at(path: Path, said: Sequence[tuple[Key, str, str]]) -> list[Problem]:
    """What was found out about a file after it was read, with the lines."""
    sheet = Sheet(path)
    for place, found, expected in said:
        sheet.say(place, found, expected)
    return sheet.problems


_kept = cache(_read)
"""Files that come with the program do not change while it runs."""


def _check_file(sheet: Sheet, file: ProfileFile, stem: str) -> None:
    if file.profile != stem:
        sheet.say(("profile",), show(file.profile), f"{stem}, the name of the file")
    for place, match in enumerate(file.match):
        if expected := match_troubles(match):
            sheet.say(("match", place, "sysdescr"), show(match.sysdescr), expected)
