package import MoedBatching
package import MoedCore
package import MoedHost

/// Turns jobs into tasks on its own thread, so that a prompt of megabytes does not delay the lease or signals.
package actor PreparationThread {
    private let executor: ThreadExecutor
    private let preparer: RequestPreparer

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Throws: `HostError` when the system has no thread left.
    package init(_ preparer: RequestPreparer) throws(HostError) {
        executor = try ThreadExecutor(name: "moed-prepare")
        self.preparer = preparer
    }

    /// Parses the body, renders the template and tokenises.
    ///
    /// A job without a seed is seeded with its id: running it again gives the same answer.
    ///
    /// - Parameter contextLength: context of the engine that runs the job; nil is the preparer's.
    package func prepare(_ job: RunnableJob, contextLength: Int? = nil) -> Result<GenerationTask, RequestError> {
        var preparer = preparer
        if let contextLength { preparer.limits.contextLength = min(contextLength, preparer.limits.contextLength) }
        guard let text = job.body else {
            return .failure(preparer.bodyTooLarge)
        }
        let body: JSONValue
        do throws(JSONError) {
            body = try JSONValue(parsing: text)
        } catch {
            return .failure(RequestError(.invalidJSON, error.description))
        }
        return Result { () throws(RequestError) in
            var task = try preparer.prepare(
                try GenerationRequest(body: body), job: job.id, model: job.jobClass.model,
                bucket: job.jobClass.bucket, seed: UInt64(bitPattern: job.id.rawValue), waited: job.waited)
            task.saved = job.saved
            return task
        }
    }
}
