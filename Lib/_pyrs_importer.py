"""Imports library modules that are part of the interpreter's executable."""

import _imp
import sys
from _frozen_importlib import ModuleSpec, _call_with_frames_removed


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


sys.meta_path.append(EmbeddedImporter)
