// FraudService
