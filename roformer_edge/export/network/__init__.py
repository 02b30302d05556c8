"""What RoFormer is, once: its flow in verbs that every format can say, and its weights prepared for them."""
