//! What has to stand in an entry, and how either engine is told.

/// A condition on the words of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// Exactly this word.
    Word(String),
    /// A word that begins so.
    Begins(String),
    /// All of them; there is at least one.
    All(Vec<Self>),
    /// One of them; there is at least one.
    Any(Vec<Self>),
    /// The first, and not the second.
    But(Box<Self>, Box<Self>),
}

impl Expr {
    /// All of these.
    pub fn all(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(parts, Self::All)
    }

    /// Any of these.
    pub fn any(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(parts, Self::Any)
    }

    /// This and that.
    #[must_use]
    pub fn and(self, other: Option<Self>) -> Self {
        match other {
            Some(other) => Self::All(vec![self, other]),
            None => self,
        }
    }

    /// This without that.
    #[must_use]
    pub fn but(self, other: Option<Self>) -> Self {
        match other {
            Some(other) => Self::But(Box::new(self), Box::new(other)),
            None => self,
        }
    }

    fn joined(parts: impl IntoIterator<Item = Self>, join: fn(Vec<Self>) -> Self) -> Option<Self> {
        let mut parts: Vec<Self> = parts.into_iter().collect();
        if parts.len() > 1 { Some(join(parts)) } else { parts.pop() }
    }

    /// For FTS5. Words hold letters, digits, `-` and `_` alone, so that quotes cannot be broken.
    pub fn to_match(&self) -> String {
        match self {
            Self::Word(it) => format!("\"{it}\""),
            Self::Begins(it) => format!("\"{it}\" *"),
            Self::All(parts) => Self::list(parts, " AND ", Self::to_match),
            Self::Any(parts) => Self::list(parts, " OR ", Self::to_match),
            Self::But(this, that) => format!("({} NOT {})", this.to_match(), that.to_match()),
        }
    }

    /// For a tsquery.
    pub fn to_tsquery(&self) -> String {
        match self {
            Self::Word(it) => format!("'{it}'"),
            Self::Begins(it) => format!("'{it}':*"),
            Self::All(parts) => Self::list(parts, " & ", Self::to_tsquery),
            Self::Any(parts) => Self::list(parts, " | ", Self::to_tsquery),
            Self::But(this, that) => format!("({} & !{})", this.to_tsquery(), that.to_tsquery()),
        }
    }

    fn list(parts: &[Self], between: &str, one: fn(&Self) -> String) -> String {
        format!("({})", parts.iter().map(one).collect::<Vec<_>>().join(between))
    }
}
