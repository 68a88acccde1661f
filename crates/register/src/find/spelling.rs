//! How Chinese is typed on a Latin keyboard: joined syllables (daguling), initials (dgl), and characters with several
//! readings (重庆, 长, 单).

use std::{
    collections::{BTreeSet, HashMap},
    sync::LazyLock,
};

use pinyin::ToPinyin as _;

/// Letters of a title's spelling that stand in one word of the index: the longest syllable.
pub const WINDOW: usize = 6;
/// Initials that stand in one word of the index.
pub const INITIALS: usize = 4;
/// Ways of cutting the same letters that are told apart; where there are more, those letters are not looked at.
const WAYS: usize = 8;
/// Spellings kept of one place in a title; those nearest to the usual readings come first.
const VARIANTS: usize = 8;

/// Characters that names of places, people and firms use with more than one reading.
const SEVERAL: &str = "重chong,zhong 长chang,zhang 单dan,shan,chan 行xing,hang 乐le,yue 曾zeng,ceng 解jie,xie 朝chao,zhao \
    都du,dou 区qu,ou 仇qiu,chou 查cha,zha 尉wei,yu 员yuan,yun 盖gai,ge 翟zhai,di 缪miao,mou 石shi,dan 厦xia,sha \
    六liu,lu 会hui,kuai 车che,ju 柏bai,bo 便bian,pian 参can,shen,cen 藏cang,zang 差cha,chai 盛sheng,cheng \
    乘cheng,sheng 传chuan,zhuan 大da,dai 弹dan,tan 地di,de 调diao,tiao 度du,duo 繁fan,po 谷gu,yu 柜gui,ju 和he,huo \
    合he,ge 还huan,hai 降jiang,xiang 强qiang,jiang 角jiao,jue 觉jue,jiao 校xiao,jiao 句ju,gou 卡ka,qia 勒le,lei \
    陆lu,liu 率lv,shuai 绿lv,lu 落luo,la 埋mai,man 没mei,mo 秘mi,bi 模mo,mu 弄nong,long 朴pu,piao 暴bao,pu 奇qi,ji \
    铅qian,yan 覃qin,tan 塞sai,se 色se,shai 杉shan,sha 什shen,shi 省sheng,xing 宿su,xiu 提ti,di 万wan,mo 圩wei,xu \
    尾wei,yi 洗xi,xian 纤xian,qian 巷xiang,hang 削xiao,xue 血xue,xie 叶ye,xie 荥xing,ying 浚jun,xun 番fan,pan \
    蚌bang,beng 埔pu,bu 涌yong,chong 沌dun,zhuan 莘shen,xin 歙she,xi 蔚wei,yu 峒dong,tong 泌mi,bi 珲hui,hun 栎li,yue \
    莞guan,wan 龟gui,jun,qiu 堡bao,bu,pu 泊bo,po 伯bo,bai 薄bo,bao 剥bo,bao 辟pi,bi 扁bian,pian 卜bu,bo 贾jia,gu \
    种zhong,chong 召zhao,shao 折zhe,she 褚chu,zhu 隗wei,kui 郇xun,huan 晟sheng,cheng 茜qian,xi 娜na,nuo 露lu,lou \
    枞zong,cong 洞dong,tong 尺chi,che 臭chou,xiu 畜chu,xu 得de,dei 耙pa,ba 磅bang,pang 济ji,qi 咽yan,ye 宁ning,zhu";

static MORE: LazyLock<HashMap<char, Vec<&'static str>>> = LazyLock::new(|| {
    let readings = |it: &'static str| {
        let mut letters = it.chars();
        letters.next().map(|of| (of, letters.as_str().split(',').collect()))
    };
    SEVERAL.split_whitespace().filter_map(readings).collect()
});

static SYLLABLES: LazyLock<BTreeSet<&'static str>> = LazyLock::new(|| {
    let usual = ('\u{4e00}'..='\u{9fff}').filter_map(|it| it.to_pinyin().map(|it| plain(it.plain())));
    // 嗯 and the like would make every n one.
    let voiced = |it: &&str| it.contains(['a', 'e', 'i', 'o', 'u', 'v']);
    usual.chain(MORE.values().flatten().copied()).filter(voiced).collect()
});

/// One place in a title: how it can be typed, the usual way first.
pub type Unit = Vec<String>;

/// The places of a title that can be typed: a Chinese character by its readings, a letter or digit by itself.
pub fn units(text: &str) -> Vec<Unit> {
    text.chars()
        .filter_map(|it| match it.to_pinyin() {
            Some(usual) => {
                let usual = plain(usual.plain());
                let others = MORE.get(&it).into_iter().flatten().copied().filter(|it| *it != usual);
                Some(std::iter::once(usual).chain(others).map(str::to_owned).collect())
            }
            None => it.is_ascii_alphanumeric().then(|| vec![it.to_ascii_lowercase().to_string()]),
        })
        .collect()
}

/// First letters instead of whole syllables.
pub fn initials(units: &[Unit]) -> Vec<Unit> {
    let first = |unit: &Unit| {
        let mut letters: Unit = Vec::new();
        for letter in unit.iter().filter_map(|it| it.get(..1)) {
            if letters.iter().all(|it| it != letter) {
                letters.push(letter.to_owned());
            }
        }
        letters
    };
    units.iter().map(first).collect()
}

/// Spellings of the beginning of `units`, cut at `most` letters.
pub fn spellings(units: &[Unit], most: usize) -> Vec<String> {
    // Spelling, and how many places of it are not read as usual.
    let mut kept: Vec<(String, usize)> = vec![(String::new(), 0)];
    for unit in units {
        if kept.iter().all(|it| it.0.len() >= most) {
            break;
        }
        let mut longer = Vec::new();
        for (spelling, odd) in kept {
            if spelling.len() >= most {
                longer.push((spelling, odd));
                continue;
            }
            for (i, reading) in unit.iter().enumerate() {
                let mut next = spelling.clone();
                next.push_str(reading);
                next.truncate(most);
                longer.push((next, odd + usize::from(i > 0)));
            }
        }
        longer.sort_by_key(|it| it.1);
        longer.truncate(VARIANTS);
        kept = longer;
    }
    let mut spellings: Vec<String> = kept.into_iter().map(|it| it.0).filter(|it| !it.is_empty()).collect();
    spellings.sort();
    spellings.dedup();
    spellings
}

/// Where syllables begin: all of these groups hold; in each group one of the ways; of each way all of its places.
pub type Cuts = Vec<Vec<Vec<usize>>>;

/// Cuts letters into syllables, of which the last may be unfinished; digits stand alone. Letters that are no syllables
/// have the one cut at their beginning.
pub fn cuts(letters: &str) -> Cuts {
    let mut steps: Vec<Vec<usize>> = (0..letters.len()).map(|at| steps(letters, at)).collect();
    let (ahead, behind) = ways(&steps);
    if behind[0] == 0 {
        return vec![vec![vec![0]]];
    }
    // No way is followed that does not come to the end.
    steps.iter_mut().for_each(|it| it.retain(|end| behind[*end] > 0));
    let sure: Vec<usize> =
        (0..letters.len()).filter(|at| ahead[*at].checked_mul(behind[*at]) == Some(behind[0])).collect();
    let mut cuts: Cuts = sure.iter().map(|at| vec![vec![*at]]).collect();
    for (i, from) in sure.iter().enumerate() {
        let until = sure.get(i + 1).copied().unwrap_or(letters.len());
        let between = between(&steps, *from, until);
        if between.len() <= WAYS && between.iter().all(|it| !it.is_empty()) {
            cuts.push(between);
        }
    }
    cuts.retain(|it| !it.is_empty());
    cuts
}

/// Where the syllable that begins here can end.
fn steps(letters: &str, at: usize) -> Vec<usize> {
    let ends = (at + 1)..=(at + WINDOW).min(letters.len());
    let rest = &letters[at..];
    let unfinished = SYLLABLES.range(rest..).next().is_some_and(|it| it.starts_with(rest));
    let whole = |end: &usize| {
        let part = &letters[at..*end];
        SYLLABLES.contains(part) || part.bytes().all(|it| it.is_ascii_digit() && part.len() == 1)
    };
    ends.filter(|end| whole(end) || (unfinished && *end == letters.len())).collect()
}

/// In how many ways each place is reached from the beginning, and the end from each place.
fn ways(steps: &[Vec<usize>]) -> (Vec<u64>, Vec<u64>) {
    let length = steps.len();
    let (mut ahead, mut behind) = (vec![0_u64; length + 1], vec![0_u64; length + 1]);
    (ahead[0], behind[length]) = (1, 1);
    for (at, ends) in steps.iter().enumerate() {
        for end in ends {
            ahead[*end] = ahead[*end].saturating_add(ahead[at]);
        }
    }
    for (at, ends) in steps.iter().enumerate().rev() {
        behind[at] = ends.iter().fold(0, |sum, end| sum.saturating_add(behind[*end]));
    }
    (ahead, behind)
}

/// Every way from one place to another: the places between. More than [`WAYS`] are not told apart.
fn between(steps: &[Vec<usize>], from: usize, until: usize) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<(usize, Vec<usize>)> = vec![(from, Vec::new())];
    while let Some((at, way)) = open.pop() {
        for end in steps[at].iter().copied().filter(|end| *end <= until) {
            if end == until {
                found.push(way.clone());
            } else {
                let longer = way.iter().copied().chain([end]).collect();
                open.push((end, longer));
            }
        }
        if found.len() > WAYS {
            break;
        }
    }
    found.sort();
    found
}

/// As it is typed: ü is v.
fn plain(syllable: &'static str) -> &'static str {
    match syllable {
        "lü" => "lv",
        "nü" => "nv",
        "lüe" => "lve",
        "nüe" => "nve",
        it if !it.is_ascii() => "e",
        it => it,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::plain("打鼓岭", &["daguling"])]
    #[case::two_readings("重庆", &["chongqing", "zhongqing"])]
    #[case::both_odd("单长", &["chanchang", "chanzhang", "danchang", "danzhang", "shanchang", "shanzhang"])]
    #[case::v("绿道", &["ludao", "lvdao"])]
    #[case::letters("B座3", &["bzuo3"])]
    #[case::cut("深圳市罗湖区", &["shenzhenshil"])]
    #[case::nothing("，。", &[])]
    fn a_title_is_spelled(#[case] text: &str, #[case] want: &[&str]) {
        assert_eq!(spellings(&units(text), 12), want);
    }

    #[test]
    fn initials_follow_the_readings() {
        assert_eq!(
            spellings(&initials(&units("重庆长乐")), INITIALS),
            ["cqcl", "cqcy", "cqzl", "cqzy", "zqcl", "zqcy", "zqzl", "zqzy"]
        );
    }

    #[rstest]
    #[case::one_way("shenzhen", vec![vec![vec![0]], vec![vec![4]]])]
    #[case::unfinished("daguli", vec![vec![vec![0]], vec![vec![2]], vec![vec![4]]])]
    #[case::an_unfinished_end("fangan", vec![vec![vec![0]], vec![vec![3], vec![3, 5], vec![4], vec![4, 5]]])]
    #[case::xian_or_xi_an("xianshi", vec![vec![vec![0]], vec![vec![4]]])]
    #[case::digits("shi12", vec![vec![vec![0]], vec![vec![3]], vec![vec![4]]])]
    #[case::no_syllables("dgl", vec![vec![vec![0]]])]
    fn letters_are_cut_where_syllables_meet(#[case] letters: &str, #[case] want: Cuts) {
        assert_eq!(cuts(letters), want);
    }
}
