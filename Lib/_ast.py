"""Node classes of the abstract syntax tree."""

def _warn(text):
    import warnings

    warnings.warn(text, DeprecationWarning, stacklevel=3)


_REMOVED = "This will become an error in Python 3.15."


class AST:
    """AST()"""

    __module__ = "ast"
    _fields = ()
    _attributes = ()
    __match_args__ = ()

    def __init__(self, /, *args, **kwargs):
        """Initialize self.  See help(type(self)) for accurate signature."""
        cls = type(self)
        name = cls.__name__
        fields = cls._fields
        if len(args) > len(fields):
            plural = "" if len(fields) == 1 else "s"
            raise TypeError(f"{name} constructor takes at most {len(fields)} positional argument{plural}")
        left = dict.fromkeys(fields)
        for field, value in zip(fields, args):
            setattr(self, field, value)
            left.pop(field, None)
        given = fields[:len(args)]
        for field, value in kwargs.items():
            if field in fields:
                if field in given:
                    raise TypeError(f"{name} got multiple values for argument {field!r}")
                left.pop(field, None)
            elif field not in cls._attributes:
                _warn(
                    f"{name}.__init__ got an unexpected keyword argument {field!r}. Support for arbitrary keyword "
                    "arguments is deprecated and will be removed in Python 3.15."
                )
            setattr(self, field, value)
        types = getattr(cls, "_field_types", None) if left else None
        if types is None:
            return
        for field in left:
            if field not in types:
                _warn(f"Field {field!r} is missing from {name}._field_types. {_REMOVED}")
                continue
            wanted = types[field]
            if type(wanted) is _Union:
                continue
            if type(wanted) is _GenericAlias:
                setattr(self, field, [])
            elif wanted is expr_context:
                setattr(self, field, Load())
            else:
                _warn(f"{name}.__init__ missing 1 required positional argument: {field!r}. {_REMOVED}")

    def __repr__(self):
        return _repr(self, 3)

    def __reduce__(self):
        return type(self), (), self.__dict__

    def __replace__(self, /, **changes):
        """Return a copy of the AST node with new values for the specified fields."""
        cls = type(self)
        known = (*cls._fields, *cls._attributes)
        for name in changes:
            if name not in known:
                raise TypeError(f"{cls.__name__}.__replace__ got an unexpected keyword argument {name!r}.")
        own = {name: value for name, value in self.__dict__.items() if name in known}
        types = getattr(cls, "_field_types", None) or {}
        missing = [
            name
            for name in cls._fields
            if name not in changes and name not in own and type(types.get(name)) is not _Union and not hasattr(self, name)
        ]
        if missing:
            plural = "" if len(missing) == 1 else "s"
            names = ", ".join(repr(name) for name in missing)
            raise TypeError(f"{cls.__name__}.__replace__ missing {len(missing)} keyword argument{plural}: {names}.")
        return cls(**{**own, **changes})


_Union = type(int | str)
_GenericAlias = type(list[int])


def _repr(node, depth):
    name = type(node).__name__
    if depth <= 0:
        return f"{name}(...)"
    parts = []
    for field in type(node)._fields:
        value = getattr(node, field)
        parts.append(f"{field}={_repr_list(value, depth) if isinstance(value, list) else _repr_value(value, depth)}")
    return f"{name}({', '.join(parts)})"


def _repr_value(value, depth):
    return _repr(value, depth - 1) if isinstance(value, AST) else repr(value)


def _repr_list(items, depth):
    if len(items) <= 2:
        shown = [_repr_value(item, depth) for item in items]
    else:
        shown = [_repr_value(items[0], depth), "...", _repr_value(items[-1], depth)]
    return f"[{', '.join(shown)}]"


def _node(name, base, fields, attributes):
    namespace = {"__module__": "ast", "_fields": fields, "__match_args__": fields, "__doc__": None}
    if attributes is not None:
        namespace["_attributes"] = attributes
        for attribute in attributes:
            if attribute.startswith("end_"):
                namespace[attribute] = None
    for field, default in _DEFAULTS.get(name, {}).items():
        if default == "?":
            namespace[field] = None
    cls = type(name, (globals()[base],), namespace)
    globals()[name] = cls


_POSITION = ("lineno", "col_offset", "end_lineno", "end_col_offset")

# Fields that may be left out: "?" = None, "*" = an empty list, "ctx" = Load().
_DEFAULTS = {
    "Module": {"body": "*", "type_ignores": "*"},
    "Interactive": {"body": "*"},
    "FunctionType": {"argtypes": "*"},
    "FunctionDef": {"body": "*", "decorator_list": "*", "returns": "?", "type_comment": "?", "type_params": "*"},
    "AsyncFunctionDef": {"body": "*", "decorator_list": "*", "returns": "?", "type_comment": "?", "type_params": "*"},
    "ClassDef": {"bases": "*", "keywords": "*", "body": "*", "decorator_list": "*", "type_params": "*"},
    "Return": {"value": "?"},
    "Delete": {"targets": "*"},
    "Assign": {"targets": "*", "type_comment": "?"},
    "TypeAlias": {"type_params": "*"},
    "AnnAssign": {"value": "?"},
    "For": {"body": "*", "orelse": "*", "type_comment": "?"},
    "AsyncFor": {"body": "*", "orelse": "*", "type_comment": "?"},
    "While": {"body": "*", "orelse": "*"},
    "If": {"body": "*", "orelse": "*"},
    "With": {"items": "*", "body": "*", "type_comment": "?"},
    "AsyncWith": {"items": "*", "body": "*", "type_comment": "?"},
    "Match": {"cases": "*"},
    "Raise": {"exc": "?", "cause": "?"},
    "Try": {"body": "*", "handlers": "*", "orelse": "*", "finalbody": "*"},
    "TryStar": {"body": "*", "handlers": "*", "orelse": "*", "finalbody": "*"},
    "Assert": {"msg": "?"},
    "Import": {"names": "*"},
    "ImportFrom": {"module": "?", "names": "*", "level": "?"},
    "Global": {"names": "*"},
    "Nonlocal": {"names": "*"},
    "BoolOp": {"values": "*"},
    "Dict": {"keys": "*", "values": "*"},
    "Set": {"elts": "*"},
    "ListComp": {"generators": "*"},
    "SetComp": {"generators": "*"},
    "DictComp": {"generators": "*"},
    "GeneratorExp": {"generators": "*"},
    "Yield": {"value": "?"},
    "Compare": {"ops": "*", "comparators": "*"},
    "Call": {"args": "*", "keywords": "*"},
    "FormattedValue": {"format_spec": "?"},
    "Interpolation": {"format_spec": "?"},
    "JoinedStr": {"values": "*"},
    "TemplateStr": {"values": "*"},
    "Constant": {"kind": "?"},
    "Attribute": {"ctx": "ctx"},
    "Subscript": {"ctx": "ctx"},
    "Starred": {"ctx": "ctx"},
    "Name": {"ctx": "ctx"},
    "List": {"elts": "*", "ctx": "ctx"},
    "Tuple": {"elts": "*", "ctx": "ctx"},
    "Slice": {"lower": "?", "upper": "?", "step": "?"},
    "comprehension": {"ifs": "*"},
    "ExceptHandler": {"type": "?", "name": "?", "body": "*"},
    "arguments": {"posonlyargs": "*", "args": "*", "vararg": "?", "kwonlyargs": "*", "kw_defaults": "*", "kwarg": "?", "defaults": "*"},
    "arg": {"annotation": "?", "type_comment": "?"},
    "keyword": {"arg": "?"},
    "alias": {"asname": "?"},
    "withitem": {"optional_vars": "?"},
    "match_case": {"guard": "?", "body": "*"},
    "MatchSequence": {"patterns": "*"},
    "MatchMapping": {"keys": "*", "patterns": "*", "rest": "?"},
    "MatchClass": {"patterns": "*", "kwd_attrs": "*", "kwd_patterns": "*"},
    "MatchStar": {"name": "?"},
    "MatchAs": {"pattern": "?", "name": "?"},
    "MatchOr": {"patterns": "*"},
    "TypeVar": {"bound": "?", "default_value": "?"},
    "ParamSpec": {"default_value": "?"},
    "TypeVarTuple": {"default_value": "?"},
}

for _row in (
    ("mod", "AST", (), None),
    ("Module", "mod", ("body", "type_ignores"), None),
    ("Interactive", "mod", ("body",), None),
    ("Expression", "mod", ("body",), None),
    ("FunctionType", "mod", ("argtypes", "returns"), None),
    ("stmt", "AST", (), _POSITION),
    ("FunctionDef", "stmt", ("name", "args", "body", "decorator_list", "returns", "type_comment", "type_params"), None),
    ("AsyncFunctionDef", "stmt", ("name", "args", "body", "decorator_list", "returns", "type_comment", "type_params"), None),
    ("ClassDef", "stmt", ("name", "bases", "keywords", "body", "decorator_list", "type_params"), None),
    ("Return", "stmt", ("value",), None),
    ("Delete", "stmt", ("targets",), None),
    ("Assign", "stmt", ("targets", "value", "type_comment"), None),
    ("TypeAlias", "stmt", ("name", "type_params", "value"), None),
    ("AugAssign", "stmt", ("target", "op", "value"), None),
    ("AnnAssign", "stmt", ("target", "annotation", "value", "simple"), None),
    ("For", "stmt", ("target", "iter", "body", "orelse", "type_comment"), None),
    ("AsyncFor", "stmt", ("target", "iter", "body", "orelse", "type_comment"), None),
    ("While", "stmt", ("test", "body", "orelse"), None),
    ("If", "stmt", ("test", "body", "orelse"), None),
    ("With", "stmt", ("items", "body", "type_comment"), None),
    ("AsyncWith", "stmt", ("items", "body", "type_comment"), None),
    ("Match", "stmt", ("subject", "cases"), None),
    ("Raise", "stmt", ("exc", "cause"), None),
    ("Try", "stmt", ("body", "handlers", "orelse", "finalbody"), None),
    ("TryStar", "stmt", ("body", "handlers", "orelse", "finalbody"), None),
    ("Assert", "stmt", ("test", "msg"), None),
    ("Import", "stmt", ("names",), None),
    ("ImportFrom", "stmt", ("module", "names", "level"), None),
    ("Global", "stmt", ("names",), None),
    ("Nonlocal", "stmt", ("names",), None),
    ("Expr", "stmt", ("value",), None),
    ("Pass", "stmt", (), None),
    ("Break", "stmt", (), None),
    ("Continue", "stmt", (), None),
    ("expr", "AST", (), _POSITION),
    ("BoolOp", "expr", ("op", "values"), None),
    ("NamedExpr", "expr", ("target", "value"), None),
    ("BinOp", "expr", ("left", "op", "right"), None),
    ("UnaryOp", "expr", ("op", "operand"), None),
    ("Lambda", "expr", ("args", "body"), None),
    ("IfExp", "expr", ("test", "body", "orelse"), None),
    ("Dict", "expr", ("keys", "values"), None),
    ("Set", "expr", ("elts",), None),
    ("ListComp", "expr", ("elt", "generators"), None),
    ("SetComp", "expr", ("elt", "generators"), None),
    ("DictComp", "expr", ("key", "value", "generators"), None),
    ("GeneratorExp", "expr", ("elt", "generators"), None),
    ("Await", "expr", ("value",), None),
    ("Yield", "expr", ("value",), None),
    ("YieldFrom", "expr", ("value",), None),
    ("Compare", "expr", ("left", "ops", "comparators"), None),
    ("Call", "expr", ("func", "args", "keywords"), None),
    ("FormattedValue", "expr", ("value", "conversion", "format_spec"), None),
    ("Interpolation", "expr", ("value", "str", "conversion", "format_spec"), None),
    ("JoinedStr", "expr", ("values",), None),
    ("TemplateStr", "expr", ("values",), None),
    ("Constant", "expr", ("value", "kind"), None),
    ("Attribute", "expr", ("value", "attr", "ctx"), None),
    ("Subscript", "expr", ("value", "slice", "ctx"), None),
    ("Starred", "expr", ("value", "ctx"), None),
    ("Name", "expr", ("id", "ctx"), None),
    ("List", "expr", ("elts", "ctx"), None),
    ("Tuple", "expr", ("elts", "ctx"), None),
    ("Slice", "expr", ("lower", "upper", "step"), None),
    ("expr_context", "AST", (), None),
    ("Load", "expr_context", (), None),
    ("Store", "expr_context", (), None),
    ("Del", "expr_context", (), None),
    ("boolop", "AST", (), None),
    ("And", "boolop", (), None),
    ("Or", "boolop", (), None),
    ("operator", "AST", (), None),
    ("Add", "operator", (), None),
    ("Sub", "operator", (), None),
    ("Mult", "operator", (), None),
    ("MatMult", "operator", (), None),
    ("Div", "operator", (), None),
    ("Mod", "operator", (), None),
    ("Pow", "operator", (), None),
    ("LShift", "operator", (), None),
    ("RShift", "operator", (), None),
    ("BitOr", "operator", (), None),
    ("BitXor", "operator", (), None),
    ("BitAnd", "operator", (), None),
    ("FloorDiv", "operator", (), None),
    ("unaryop", "AST", (), None),
    ("Invert", "unaryop", (), None),
    ("Not", "unaryop", (), None),
    ("UAdd", "unaryop", (), None),
    ("USub", "unaryop", (), None),
    ("cmpop", "AST", (), None),
    ("Eq", "cmpop", (), None),
    ("NotEq", "cmpop", (), None),
    ("Lt", "cmpop", (), None),
    ("LtE", "cmpop", (), None),
    ("Gt", "cmpop", (), None),
    ("GtE", "cmpop", (), None),
    ("Is", "cmpop", (), None),
    ("IsNot", "cmpop", (), None),
    ("In", "cmpop", (), None),
    ("NotIn", "cmpop", (), None),
    ("comprehension", "AST", ("target", "iter", "ifs", "is_async"), None),
    ("excepthandler", "AST", (), _POSITION),
    ("ExceptHandler", "excepthandler", ("type", "name", "body"), None),
    ("arguments", "AST", ("posonlyargs", "args", "vararg", "kwonlyargs", "kw_defaults", "kwarg", "defaults"), None),
    ("arg", "AST", ("arg", "annotation", "type_comment"), _POSITION),
    ("keyword", "AST", ("arg", "value"), _POSITION),
    ("alias", "AST", ("name", "asname"), _POSITION),
    ("withitem", "AST", ("context_expr", "optional_vars"), None),
    ("match_case", "AST", ("pattern", "guard", "body"), None),
    ("pattern", "AST", (), _POSITION),
    ("MatchValue", "pattern", ("value",), None),
    ("MatchSingleton", "pattern", ("value",), None),
    ("MatchSequence", "pattern", ("patterns",), None),
    ("MatchMapping", "pattern", ("keys", "patterns", "rest"), None),
    ("MatchClass", "pattern", ("cls", "patterns", "kwd_attrs", "kwd_patterns"), None),
    ("MatchStar", "pattern", ("name",), None),
    ("MatchAs", "pattern", ("pattern", "name"), None),
    ("MatchOr", "pattern", ("patterns",), None),
    ("type_ignore", "AST", (), None),
    ("TypeIgnore", "type_ignore", ("lineno", "tag"), None),
    ("type_param", "AST", (), _POSITION),
    ("TypeVar", "type_param", ("name", "bound", "default_value"), None),
    ("ParamSpec", "type_param", ("name", "default_value"), None),
    ("TypeVarTuple", "type_param", ("name", "default_value"), None),
):
    _node(*_row)
del _row

PyCF_ALLOW_TOP_LEVEL_AWAIT = 8192
PyCF_ONLY_AST = 1024
PyCF_OPTIMIZED_AST = 33792
PyCF_TYPE_COMMENTS = 4096

_FIELD_TYPES = {
    "Module": {"body": "list[stmt]", "type_ignores": "list[type_ignore]"},
    "Interactive": {"body": "list[stmt]"},
    "Expression": {"body": "expr"},
    "FunctionType": {"argtypes": "list[expr]", "returns": "expr"},
    "FunctionDef": {"name": "str", "args": "arguments", "body": "list[stmt]", "decorator_list": "list[expr]", "returns": "expr | None", "type_comment": "str | None", "type_params": "list[type_param]"},
    "AsyncFunctionDef": {"name": "str", "args": "arguments", "body": "list[stmt]", "decorator_list": "list[expr]", "returns": "expr | None", "type_comment": "str | None", "type_params": "list[type_param]"},
    "ClassDef": {"name": "str", "bases": "list[expr]", "keywords": "list[keyword]", "body": "list[stmt]", "decorator_list": "list[expr]", "type_params": "list[type_param]"},
    "Return": {"value": "expr | None"},
    "Delete": {"targets": "list[expr]"},
    "Assign": {"targets": "list[expr]", "value": "expr", "type_comment": "str | None"},
    "TypeAlias": {"name": "expr", "type_params": "list[type_param]", "value": "expr"},
    "AugAssign": {"target": "expr", "op": "operator", "value": "expr"},
    "AnnAssign": {"target": "expr", "annotation": "expr", "value": "expr | None", "simple": "int"},
    "For": {"target": "expr", "iter": "expr", "body": "list[stmt]", "orelse": "list[stmt]", "type_comment": "str | None"},
    "AsyncFor": {"target": "expr", "iter": "expr", "body": "list[stmt]", "orelse": "list[stmt]", "type_comment": "str | None"},
    "While": {"test": "expr", "body": "list[stmt]", "orelse": "list[stmt]"},
    "If": {"test": "expr", "body": "list[stmt]", "orelse": "list[stmt]"},
    "With": {"items": "list[withitem]", "body": "list[stmt]", "type_comment": "str | None"},
    "AsyncWith": {"items": "list[withitem]", "body": "list[stmt]", "type_comment": "str | None"},
    "Match": {"subject": "expr", "cases": "list[match_case]"},
    "Raise": {"exc": "expr | None", "cause": "expr | None"},
    "Try": {"body": "list[stmt]", "handlers": "list[excepthandler]", "orelse": "list[stmt]", "finalbody": "list[stmt]"},
    "TryStar": {"body": "list[stmt]", "handlers": "list[excepthandler]", "orelse": "list[stmt]", "finalbody": "list[stmt]"},
    "Assert": {"test": "expr", "msg": "expr | None"},
    "Import": {"names": "list[alias]"},
    "ImportFrom": {"module": "str | None", "names": "list[alias]", "level": "int | None"},
    "Global": {"names": "list[str]"},
    "Nonlocal": {"names": "list[str]"},
    "Expr": {"value": "expr"},
    "BoolOp": {"op": "boolop", "values": "list[expr]"},
    "NamedExpr": {"target": "expr", "value": "expr"},
    "BinOp": {"left": "expr", "op": "operator", "right": "expr"},
    "UnaryOp": {"op": "unaryop", "operand": "expr"},
    "Lambda": {"args": "arguments", "body": "expr"},
    "IfExp": {"test": "expr", "body": "expr", "orelse": "expr"},
    "Dict": {"keys": "list[expr]", "values": "list[expr]"},
    "Set": {"elts": "list[expr]"},
    "ListComp": {"elt": "expr", "generators": "list[comprehension]"},
    "SetComp": {"elt": "expr", "generators": "list[comprehension]"},
    "DictComp": {"key": "expr", "value": "expr", "generators": "list[comprehension]"},
    "GeneratorExp": {"elt": "expr", "generators": "list[comprehension]"},
    "Await": {"value": "expr"},
    "Yield": {"value": "expr | None"},
    "YieldFrom": {"value": "expr"},
    "Compare": {"left": "expr", "ops": "list[cmpop]", "comparators": "list[expr]"},
    "Call": {"func": "expr", "args": "list[expr]", "keywords": "list[keyword]"},
    "FormattedValue": {"value": "expr", "conversion": "int", "format_spec": "expr | None"},
    "Interpolation": {"value": "expr", "str": "object", "conversion": "int", "format_spec": "expr | None"},
    "JoinedStr": {"values": "list[expr]"},
    "TemplateStr": {"values": "list[expr]"},
    "Constant": {"value": "object", "kind": "str | None"},
    "Attribute": {"value": "expr", "attr": "str", "ctx": "expr_context"},
    "Subscript": {"value": "expr", "slice": "expr", "ctx": "expr_context"},
    "Starred": {"value": "expr", "ctx": "expr_context"},
    "Name": {"id": "str", "ctx": "expr_context"},
    "List": {"elts": "list[expr]", "ctx": "expr_context"},
    "Tuple": {"elts": "list[expr]", "ctx": "expr_context"},
    "Slice": {"lower": "expr | None", "upper": "expr | None", "step": "expr | None"},
    "comprehension": {"target": "expr", "iter": "expr", "ifs": "list[expr]", "is_async": "int"},
    "ExceptHandler": {"type": "expr | None", "name": "str | None", "body": "list[stmt]"},
    "arguments": {"posonlyargs": "list[arg]", "args": "list[arg]", "vararg": "arg | None", "kwonlyargs": "list[arg]", "kw_defaults": "list[expr]", "kwarg": "arg | None", "defaults": "list[expr]"},
    "arg": {"arg": "str", "annotation": "expr | None", "type_comment": "str | None"},
    "keyword": {"arg": "str | None", "value": "expr"},
    "alias": {"name": "str", "asname": "str | None"},
    "withitem": {"context_expr": "expr", "optional_vars": "expr | None"},
    "match_case": {"pattern": "pattern", "guard": "expr | None", "body": "list[stmt]"},
    "MatchValue": {"value": "expr"},
    "MatchSingleton": {"value": "object"},
    "MatchSequence": {"patterns": "list[pattern]"},
    "MatchMapping": {"keys": "list[expr]", "patterns": "list[pattern]", "rest": "str | None"},
    "MatchClass": {"cls": "expr", "patterns": "list[pattern]", "kwd_attrs": "list[str]", "kwd_patterns": "list[pattern]"},
    "MatchStar": {"name": "str | None"},
    "MatchAs": {"pattern": "pattern | None", "name": "str | None"},
    "MatchOr": {"patterns": "list[pattern]"},
    "TypeIgnore": {"lineno": "int", "tag": "str"},
    "TypeVar": {"name": "str", "bound": "expr | None", "default_value": "expr | None"},
    "ParamSpec": {"name": "str", "default_value": "expr | None"},
    "TypeVarTuple": {"name": "str", "default_value": "expr | None"},
}

for _name, _types in _FIELD_TYPES.items():
    globals()[_name]._field_types = {_key: eval(_type) for _key, _type in _types.items()}
    globals()[_name].__annotations__ = globals()[_name]._field_types
del _name, _types


_STRINGS = {"type_comment", "kind", "tag"}


def _asdl_signature(name):
    """How the grammar describes a node."""
    parts = []
    for field, text in _FIELD_TYPES.get(name, {}).items():
        mark = ""
        if text.startswith("list["):
            text, mark = text[5:-1], "*"
        if text.endswith(" | None"):
            text, mark = text[:-7], mark + "?" if mark else "?"
        if text == "str":
            text = "string" if field in _STRINGS else "identifier"
        elif text == "object":
            text = "constant"
        parts.append(f"{text}{mark} {field}")
    return f"{name}({', '.join(parts)})" if parts else name


def _describe():
    namespace = globals()
    for name, cls in list(namespace.items()):
        if not (isinstance(cls, type) and issubclass(cls, AST)) or cls is AST:
            continue
        alternatives = [sub.__name__ for sub in cls.__subclasses__()] if cls.__base__ is AST and not cls._fields else []
        if alternatives:
            signatures = [_asdl_signature(sub) for sub in alternatives]
            if all("(" not in text for text in signatures):
                cls.__doc__ = f"{name} = {' | '.join(signatures)}"
            else:
                cls.__doc__ = f"{name} = " + f"\n{' ' * len(name)} | ".join(signatures)
        else:
            cls.__doc__ = _asdl_signature(name)


_describe()
del _describe, _FIELD_TYPES
