/// Jobs of a job class that a claim takes.
package struct ClaimFilter: Sendable, Equatable {
    /// False: jobs whose batch has spent its `money_max` stay in the queue, because they would leave the house.
    package var isHouse: Bool
    /// Maximum time until the deadline; nil takes jobs without a deadline, too.
    package var dueWithin: Duration?

    package static let all = ClaimFilter()

    package init(isHouse: Bool = true, dueWithin: Duration? = nil) {
        (self.isHouse, self.dueWithin) = (isHouse, dueWithin)
    }
}
