"""Imports library modules that are part of the interpreter's executable."""

import _imp
import sys
from _frozen_importlib import ModuleSpec, _call_with_frames_removed
from _frozen_importlib_external import _path_isdir, _path_stat


class EmbeddedImporter:
    """Finds and loads modules of the embedded standard library."""

    @classmethod
    def find_spec(cls, fullname, path=None, target=None):
        found = _imp._find_embedded(fullname)
        if found is None:
            return None
        is_package, origin = found
        if path is not None:
            # A submodule belongs here only if its package came from here too.
            folder = origin.rpartition("/")[0]
            if is_package:
                folder = folder.rpartition("/")[0]
            if folder not in path:
                return None
        spec = ModuleSpec(fullname, cls, origin=origin, is_package=is_package)
        spec.has_location = True
        spec.cached = None
        if is_package:
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    @staticmethod
    def create_module(spec):
        return None

    @staticmethod
    def exec_module(module):
        code = _imp.get_frozen_object(module.__spec__.name)
        _call_with_frames_removed(exec, code, module.__dict__)

    @classmethod
    def get_code(cls, fullname):
        return _imp.get_frozen_object(fullname)

    @classmethod
    def get_source(cls, fullname):
        source = _imp._embedded_source(fullname)
        if source is None:
            return None
        return source.decode("utf-8").replace("\r\n", "\n")

    @classmethod
    def is_package(cls, fullname):
        found = _imp._find_embedded(fullname)
        if found is None:
            raise ImportError(f"no library module named {fullname!r}", name=fullname)
        return found[0]

    @classmethod
    def get_filename(cls, fullname):
        found = _imp._find_embedded(fullname)
        if found is None:
            raise ImportError(f"no library module named {fullname!r}", name=fullname)
        return found[1]

    @staticmethod
    def get_data(path):
        data = _imp._embedded_data(path)
        if data is None:
            raise FileNotFoundError(2, "No such file or directory", path)
        return data

    @classmethod
    def get_resource_reader(cls, fullname):
        return None


def zip_path_hook(path):
    """Stands for `zipimport.zipimporter` in `sys.path_hooks` until there is an archive on the path."""
    if not isinstance(path, str) or not path or _path_isdir(path):
        raise ImportError("not a Zip file", path=path)
    place = path
    while True:
        try:
            mode = _path_stat(place).st_mode
            break
        except OSError:
            # Perhaps a folder inside an archive.
            place, slash, _ = place.rpartition("/")
            if not place or not slash:
                raise ImportError("not a Zip file", path=path) from None
    if mode & 0o170000 != 0o100000:
        raise ImportError("not a Zip file", path=path)
    import zipimport

    sys.path_hooks[:] = [zipimport.zipimporter if hook is zip_path_hook else hook for hook in sys.path_hooks]
    return zipimport.zipimporter(path)


sys.meta_path.append(EmbeddedImporter)
sys.path_hooks.insert(0, zip_path_hook)
