//! The closed lists of words in a CAP message.

use anlan_kernel::Problem;
use serde::{Deserialize, Serialize};

use crate::xml::cut;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$variant_doc])* #[serde(rename = $word)] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the standard.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word on the wire.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)+ }
            }

            /// The value of a word, exactly as the standard spells it.
            pub fn from_word(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }

            /// Reads a word; the problem names `element`, the value and every allowed value.
            pub(crate) fn read(element: &str, word: &str, at: usize) -> Result<Self, Problem> {
                Self::from_word(word).ok_or_else(|| not_a_word(element, word, &[$($word),+], at))
            }
        }
    };
}

/// The problem of a value outside a closed list.
pub(crate) fn not_a_word(element: &str, word: &str, allowed: &[&str], at: usize) -> Problem {
    let (word, zh, en) = (cut(word), allowed.join("、"), allowed.join(", "));
    Problem::new(
        "invalid_enum_value",
        format!("<{element}> 的值 {word:?} 不在允许之列：{zh}"),
        format!("<{element}> is {word:?}; allowed are: {en}"),
    )
    .field(element)
    .byte(at)
}

words! {
    /// What the message is for: real, exercise, test …
    Status {
        /// 实战.
        Actual = "Actual",
        /// 演练.
        Exercise = "Exercise",
        /// 系统内部.
        System = "System",
        /// 测试: to be ignored by receivers.
        Test = "Test",
        /// 草稿.
        Draft = "Draft",
    }
}
words! {
    /// Whether the message opens, replaces or closes.
    MsgType {
        /// 首次.
        Alert = "Alert",
        /// 更新: replaces everything it references.
        Update = "Update",
        /// 解除.
        Cancel = "Cancel",
        /// 收妥.
        Ack = "Ack",
        /// 退回.
        Error = "Error",
    }
}
words! {
    /// Who may see the message.
    Scope {
        /// 公开.
        Public = "Public",
        /// 限定范围: `restriction` says which.
        Restricted = "Restricted",
        /// 指定对象: `addresses` says whom.
        Private = "Private",
    }
}
words! {
    /// Kind of event.
    Category {
        /// Geophysical, landslides included.
        Geo = "Geo",
        /// Meteorological, floods included.
        Met = "Met",
        /// General emergency and public safety.
        Safety = "Safety",
        /// Law enforcement, military, homeland security.
        Security = "Security",
        /// Rescue and recovery.
        Rescue = "Rescue",
        /// Fire suppression and rescue.
        Fire = "Fire",
        /// Medical and public health.
        Health = "Health",
        /// Pollution and other environmental.
        Env = "Env",
        /// Public and private transport.
        Transport = "Transport",
        /// Utility, telecommunication, other infrastructure.
        Infra = "Infra",
        /// Chemical, biological, radiological, nuclear, explosive.
        Cbrne = "CBRNE",
        /// Anything else.
        Other = "Other",
    }
}
words! {
    /// What the audience is asked to do.
    ResponseType {
        /// Take shelter in place.
        Shelter = "Shelter",
        /// Leave.
        Evacuate = "Evacuate",
        /// Make preparations.
        Prepare = "Prepare",
        /// Carry out a planned activity.
        Execute = "Execute",
        /// Keep away.
        Avoid = "Avoid",
        /// Watch for information.
        Monitor = "Monitor",
        /// Assess the information; not for public alerts.
        Assess = "Assess",
        /// The danger is over.
        AllClear = "AllClear",
        /// Nothing.
        None = "None",
    }
}
words! {
    /// How soon to act.
    Urgency {
        /// At once.
        Immediate = "Immediate",
        /// Within the next hour.
        Expected = "Expected",
        /// In the near future.
        Future = "Future",
        /// No more needed.
        Past = "Past",
        /// Not known.
        Unknown = "Unknown",
    }
}
words! {
    /// How grave the threat is.
    Severity {
        /// Extraordinary.
        Extreme = "Extreme",
        /// Significant.
        Severe = "Severe",
        /// Possible.
        Moderate = "Moderate",
        /// Minimal.
        Minor = "Minor",
        /// Not known.
        Unknown = "Unknown",
    }
}
words! {
    /// How sure the sender is.
    Certainty {
        /// Has happened or goes on.
        Observed = "Observed",
        /// More than half.
        Likely = "Likely",
        /// Less than half.
        Possible = "Possible",
        /// About nil.
        Unlikely = "Unlikely",
        /// Not known.
        Unknown = "Unknown",
    }
}
