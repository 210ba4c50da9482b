//! Tokens, numbered and named as in Python's `token` module.

macro_rules! token_kinds {
    ($($variant:ident = $number:literal, $name:literal, $text:literal;)*) => {
        /// The type of a token.
        #[repr(u8)]
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum TokenKind { $($variant = $number,)* }

        impl TokenKind {
            /// All kinds in the order of their numbers.
            pub const ALL: &'static [TokenKind] = &[$(TokenKind::$variant,)*];

            /// The name in `token`, as in `"LPAR"`.
            pub const fn name(self) -> &'static str {
                match self { $(TokenKind::$variant => $name,)* }
            }

            /// The spelling, empty where there is no fixed one.
            pub const fn text(self) -> &'static str {
                match self { $(TokenKind::$variant => $text,)* }
            }
        }
    };
}

token_kinds! {
    EndMarker = 0, "ENDMARKER", "";
    Name = 1, "NAME", "";
    Number = 2, "NUMBER", "";
    String = 3, "STRING", "";
    Newline = 4, "NEWLINE", "";
    Indent = 5, "INDENT", "";
    Dedent = 6, "DEDENT", "";
    Lpar = 7, "LPAR", "(";
    Rpar = 8, "RPAR", ")";
    Lsqb = 9, "LSQB", "[";
    Rsqb = 10, "RSQB", "]";
    Colon = 11, "COLON", ":";
    Comma = 12, "COMMA", ",";
    Semi = 13, "SEMI", ";";
    Plus = 14, "PLUS", "+";
    Minus = 15, "MINUS", "-";
    Star = 16, "STAR", "*";
    Slash = 17, "SLASH", "/";
    Vbar = 18, "VBAR", "|";
    Amper = 19, "AMPER", "&";
    Less = 20, "LESS", "<";
    Greater = 21, "GREATER", ">";
    Equal = 22, "EQUAL", "=";
    Dot = 23, "DOT", ".";
    Percent = 24, "PERCENT", "%";
    Lbrace = 25, "LBRACE", "{";
    Rbrace = 26, "RBRACE", "}";
    EqEqual = 27, "EQEQUAL", "==";
    NotEqual = 28, "NOTEQUAL", "!=";
    LessEqual = 29, "LESSEQUAL", "<=";
    GreaterEqual = 30, "GREATEREQUAL", ">=";
    Tilde = 31, "TILDE", "~";
    Circumflex = 32, "CIRCUMFLEX", "^";
    LeftShift = 33, "LEFTSHIFT", "<<";
    RightShift = 34, "RIGHTSHIFT", ">>";
    DoubleStar = 35, "DOUBLESTAR", "**";
    PlusEqual = 36, "PLUSEQUAL", "+=";
    MinEqual = 37, "MINEQUAL", "-=";
    StarEqual = 38, "STAREQUAL", "*=";
    SlashEqual = 39, "SLASHEQUAL", "/=";
    PercentEqual = 40, "PERCENTEQUAL", "%=";
    AmperEqual = 41, "AMPEREQUAL", "&=";
    VbarEqual = 42, "VBAREQUAL", "|=";
    CircumflexEqual = 43, "CIRCUMFLEXEQUAL", "^=";
    LeftShiftEqual = 44, "LEFTSHIFTEQUAL", "<<=";
    RightShiftEqual = 45, "RIGHTSHIFTEQUAL", ">>=";
    DoubleStarEqual = 46, "DOUBLESTAREQUAL", "**=";
    DoubleSlash = 47, "DOUBLESLASH", "//";
    DoubleSlashEqual = 48, "DOUBLESLASHEQUAL", "//=";
    At = 49, "AT", "@";
    AtEqual = 50, "ATEQUAL", "@=";
    Rarrow = 51, "RARROW", "->";
    Ellipsis = 52, "ELLIPSIS", "...";
    ColonEqual = 53, "COLONEQUAL", ":=";
    Exclamation = 54, "EXCLAMATION", "!";
    Op = 55, "OP", "";
    TypeIgnore = 56, "TYPE_IGNORE", "";
    TypeComment = 57, "TYPE_COMMENT", "";
    SoftKeyword = 58, "SOFT_KEYWORD", "";
    FstringStart = 59, "FSTRING_START", "";
    FstringMiddle = 60, "FSTRING_MIDDLE", "";
    FstringEnd = 61, "FSTRING_END", "";
    TstringStart = 62, "TSTRING_START", "";
    TstringMiddle = 63, "TSTRING_MIDDLE", "";
    TstringEnd = 64, "TSTRING_END", "";
    Comment = 65, "COMMENT", "";
    Nl = 66, "NL", "";
    ErrorToken = 67, "ERRORTOKEN", "";
}

macro_rules! keywords {
    ($($variant:ident = $text:literal),* $(,)?) => {
        /// A hard keyword.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum Keyword { $($variant,)* }

        impl Keyword {
            /// All hard keywords.
            pub const ALL: &'static [Keyword] = &[$(Keyword::$variant,)*];

            /// The spelling.
            pub const fn text(self) -> &'static str {
                match self { $(Keyword::$variant => $text,)* }
            }

            /// The keyword with this spelling.
            pub fn from_text(text: &[u8]) -> Option<Keyword> {
                $(if text == $text.as_bytes() { return Some(Keyword::$variant); })*
                None
            }
        }
    };
}

keywords! {
    False = "False", None = "None", True = "True", And = "and", As = "as", Assert = "assert",
    Async = "async", Await = "await", Break = "break", Class = "class", Continue = "continue",
    Def = "def", Del = "del", Elif = "elif", Else = "else", Except = "except",
    Finally = "finally", For = "for", From = "from", Global = "global", If = "if",
    Import = "import", In = "in", Is = "is", Lambda = "lambda", Nonlocal = "nonlocal",
    Not = "not", Or = "or", Pass = "pass", Raise = "raise", Return = "return", Try = "try",
    While = "while", With = "with", Yield = "yield",
}

/// One token.  Lines count from 1, columns are byte offsets in the line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    pub kind: TokenKind,
    pub keyword: Option<Keyword>,
    /// Byte offsets in the source.
    pub start: u32,
    pub end: u32,
    pub lineno: i32,
    pub col_offset: i32,
    pub end_lineno: i32,
    pub end_col_offset: i32,
    /// How many brackets are open after this token.
    pub level: u16,
}
