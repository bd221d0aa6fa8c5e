# The defaults of variables.tf.
