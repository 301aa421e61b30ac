import SluiceAMQP
import Testing
