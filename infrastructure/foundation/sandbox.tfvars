# The sandbox uses the defaults of variables.tf.
