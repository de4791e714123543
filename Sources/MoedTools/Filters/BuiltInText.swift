/// A text of some kinds of prose, code, numbers and languages, for measurements.
enum BuiltInText {
    static let text = """
        The harbour was quiet before dawn. Two fishing boats lay against the quay, their ropes dark with water, and a
        man in a yellow coat walked from one to the other and looked at the knots. He had done this every morning for
        thirty years. When the light came over the hills he sat down on a crate, opened a tin box, and ate his bread.

        Photosynthesis turns light into chemical energy. In the chloroplasts of a leaf, pigments absorb photons and
        pass the energy on to reaction centres, where water is split into oxygen, protons and electrons. The electrons
        run down a chain of carriers, and the protons that are pumped meanwhile drive an enzyme that makes ATP. In a
        second stage, carbon dioxide is bound and reduced to sugar. The first stage needs light, the second does not.

        Question: A train leaves at 9:40 and arrives at 13:05. It stops for 12 minutes on its way. How long does it
        move? Answer: From 9:40 to 13:05 there are 3 hours and 25 minutes, that is 205 minutes. 205 - 12 = 193. So the
        train moves for 193 minutes, which is 3 hours and 13 minutes.

        def merge(left: list[int], right: list[int]) -> list[int]:
            result = []
            i = j = 0
            while i < len(left) and j < len(right):
                if left[i] <= right[j]:
                    result.append(left[i])
                    i += 1
                else:
                    result.append(right[j])
                    j += 1
            return result + left[i:] + right[j:]

        {"order": 10482, "customer": {"name": "M. Okafor", "city": "Lagos"}, "lines": [{"item": "lamp", "count": 2,
        "price": 34.5}, {"item": "cable", "count": 1, "price": 7.99}], "total": 76.99, "paid": true}

        SELECT c.name, sum(o.total) AS spent FROM customer c JOIN orders o ON o.customer_id = c.id
        WHERE o.placed >= date '2024-01-01' GROUP BY c.name HAVING sum(o.total) > 1000 ORDER BY spent DESC LIMIT 10;

        Die Bibliothek öffnet um neun Uhr. Wer ein Buch ausleihen möchte, braucht einen Ausweis, den man am Schalter
        gegen Vorlage eines Personaldokuments bekommt. Die Leihfrist beträgt vier Wochen und kann zweimal verlängert
        werden, sofern niemand das Buch vorbestellt hat.

        El mercado se celebra los sábados en la plaza mayor. Los agricultores de los pueblos cercanos venden verduras,
        queso y miel, y a mediodía siempre hay música. En invierno hace frío, pero la gente viene igualmente.

        水是生命之源。地球表面约有百分之七十一被水覆盖，但其中只有不到百分之三是淡水。
        因此，节约用水和保护水源是每个人的责任。

        Minutes of the meeting, 14 March. Present: Anna, Björn, Chidi, Dana (chair). 1. The minutes of the last meeting
        were approved. 2. Budget: the costs of heating rose by 18 % against last year; Chidi will ask for two more
        offers by the end of the month. 3. The roof will be repaired in May. 4. Next meeting: 11 April, 18:00.

        Theorem. There are infinitely many primes. Proof. Suppose that there are only finitely many, p1, p2, ..., pn.
        Let N = p1 p2 ... pn + 1. Some prime p divides N. It is none of the pi, since each of them leaves the remainder
        1. This contradicts the assumption that the list was complete.
        """
}
