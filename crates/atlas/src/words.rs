//! Many texts in one.

/// Texts by number.
#[derive(Default)]
pub(crate) struct Words {
    text: String,
    ends: Vec<usize>,
}

impl Words {
    pub fn push(&mut self, word: &str) {
        self.text.push_str(word);
        self.ends.push(self.text.len());
    }

    pub fn get(&self, number: usize) -> &str {
        let start = if number == 0 { 0 } else { self.ends[number - 1] };
        &self.text[start..self.ends[number]]
    }

    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The texts in another order.
    pub fn picked(&self, order: &[u32]) -> Self {
        let mut picked = Self { text: String::with_capacity(self.text.len()), ends: Vec::with_capacity(order.len()) };
        order.iter().for_each(|it| picked.push(self.get(*it as usize)));
        picked
    }

    /// For each text its place in the order of all, equal ones in that of others.
    pub fn ranks(&self, others: &Self) -> Vec<u32> {
        let head = |number: usize| {
            let mut head = [0; 16];
            let word = self.get(number).as_bytes();
            let length = word.len().min(16);
            head[..length].copy_from_slice(&word[..length]);
            u128::from_be_bytes(head)
        };
        let mut order: Vec<(u128, u32)> = (0..self.len()).map(|it| (head(it), it as u32)).collect();
        let whole = |it: u32| (self.get(it as usize), others.get(it as usize));
        order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(&whole(b.1))));
        let mut ranks = vec![0; self.len()];
        for (rank, (_, number)) in order.into_iter().enumerate() {
            ranks[number as usize] = rank as u32;
        }
        ranks
    }
}
