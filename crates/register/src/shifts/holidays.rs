//! Official holidays and make-up working days (法定节假日与调休): pack data, one row a day.

use std::collections::BTreeMap;

use anlan_kernel::Problem;

/// What a day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Day {
    /// 法定节假日.
    Holiday,
    /// 调休上班.
    Workday,
}

/// Days that are not as their weekday says, by `2023-10-01`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holidays(BTreeMap<String, (Day, String)>);

impl Holidays {
    /// Reads `date,kind,name_zh,source,…`; every row names its source.
    ///
    /// # Errors
    /// The first row that is wrong.
    pub fn read(text: &str) -> Result<Self, Problem> {
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let mut days = BTreeMap::new();
        for (number, row) in reader.records().enumerate() {
            let wrong = |field: &str| {
                let (zh, en) = (
                    "应为 date,kind,name_zh,source，kind 为 holiday 或 workday",
                    "a row is date,kind,name_zh,source; kind is holiday or workday",
                );
                Problem::new("bad_holiday", zh, en).line(number + 2).field(field)
            };
            let row = row.map_err(|_| wrong("date"))?;
            let cell = |i: usize| row.get(i).unwrap_or_default().trim().to_owned();
            let day = cell(0);
            let is_day = anlan_kernel::Instant::parse(&format!("{day}T00:00:00+08:00")).is_ok();
            let kind = match cell(1).as_str() {
                "holiday" => Day::Holiday,
                "workday" => Day::Workday,
                _ => return Err(wrong("kind")),
            };
            if !is_day || days.contains_key(&day) {
                return Err(wrong("date"));
            }
            if cell(3).is_empty() {
                return Err(wrong("source"));
            }
            days.insert(day, (kind, cell(2)));
        }
        Ok(Self(days))
    }

    /// What the table says of a day; nothing for one that is as its weekday.
    pub fn of(&self, day: &str) -> Option<(Day, &str)> {
        self.0.get(day).map(|(kind, name)| (*kind, name.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holiday_table_is_read_and_a_row_without_source_is_named() {
        let good = "date,kind,name_zh,source\n2023-10-01,holiday,国庆节,国办\n2023-10-07,workday,国庆节,国办\n";
        let table = Holidays::read(good).unwrap();
        assert_eq!(table.of("2023-10-01"), Some((Day::Holiday, "国庆节")));
        assert_eq!(table.of("2023-10-07"), Some((Day::Workday, "国庆节")));
        assert_eq!(table.of("2023-10-09"), None);
        let wrong = Holidays::read("date,kind,name_zh,source\n2023-10-01,holiday,国庆节,\n").unwrap_err();
        assert_eq!((wrong.place.line, wrong.place.field.as_deref()), (Some(2), Some("source")));
    }
}
